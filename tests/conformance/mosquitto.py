#!/usr/bin/python3
"""mosquitto_pub, mosquitto_sub and mosquitto_rr, and a program on libmosquitto, against the gateway."""
import subprocess
import sys

import house
from clients import MutualTls, Way, props
from house import case
from verdict import DENIED, Wrong, must, same

SECONDS = 15
TIMED_OUT = 27  # exit code of mosquitto_sub after -W seconds
VERSIONS = {4: "mqttv311", 5: "mqttv5"}


def command_of(at, name, client_id, *more):
    where = ["--unix", str(at.way.house.socket)]  # no forwarder needed
    site = at.way.house.site
    if at.way.has_identity:
        leaf = client_id.partition(".")[0]
        where = ["-h", "localhost", "-p", str(at.way.port()), "--cafile", str(site.pki / "ca.crt")]
        where += ["--cert", str(site.cert(leaf)), "--key", str(site.key(leaf))]
    return [name, *where, "-V", VERSIONS[at.version], "-i", client_id, *map(str, more)]


def tool(at, name, client_id, *more, read=None, check=True):
    """Runs one of the programs to its end; its output by lines, or, without `check`, all that is known of its end."""
    command = command_of(at, name, client_id, *more)
    done = subprocess.run(command, input=read, capture_output=True, text=True, timeout=2 * SECONDS, check=False)
    if check and done.returncode != 0:
        raise Wrong(f"{' '.join(command)} ended with {done.returncode}: {done.stdout} {done.stderr}".strip())
    return done if not check else done.stdout.splitlines()


def publish(at, *more, read=None):
    return tool(at, "mosquitto_pub", at.way.sender_id(), *more, read=read)


def session(at):
    """What makes mosquitto_sub's session outlive it."""
    return ["-c", *(["-x", "300"] if at.version == 5 else [])]


def subscribe(at, *more):
    """Makes a session with subscriptions and leaves."""
    tool(at, "mosquitto_sub", at.way.listener_id(), *session(at), "-E", *more)


def collect(at, count, *more):
    """What has come for the session."""
    return tool(at, "mosquitto_sub", at.way.listener_id(), *session(at), "-C", count, "-W", SECONDS, *more)


@case(tls=True)
def queued_for_mosquitto_sub(at):
    """What mosquitto_pub sends while mosquitto_sub is away comes when it is back, with its QoS."""
    subscribe(at, "-q", 2, "-t", at.topic("a/#"))
    for qos in (1, 2):
        publish(at, "-q", qos, "-t", at.topic(f"a/{qos}"), "-m", f"qos {qos}")
    got = collect(at, 2, "-q", 2, "-t", at.topic("a/#"), "-F", "%t %q %r %p")
    same(sorted(got), [f"{at.topic(f'a/{q}')} {q} 0 qos {q}" for q in (1, 2)], "lines")


@case(tls=True)
def retained_for_mosquitto_sub(at):
    """Retained messages of QoS 0, 1 and 2 reach a new mosquitto_sub; removed ones do not."""
    for qos in range(3):
        publish(at, "-q", qos, "-r", "-t", at.topic(f"r/{qos}"), "-m", f"kept {qos}")
    got = tool(at, "mosquitto_sub", at.way.listener_id(), "-q", 2, "-C", 3, "-W", SECONDS, "-t", at.topic("r/+"), "-F", "%q %r %p")
    same(sorted(got), [f"{q} 1 kept {q}" for q in range(3)], "lines")
    for qos in range(3):
        publish(at, "-q", 1, "-r", "-n", "-t", at.topic(f"r/{qos}"))
    done = tool(at, "mosquitto_sub", at.way.listener_id(), "-q", 2, "-C", 1, "-W", 1, "-t", at.topic("r/+"), check=False)
    same((done.stdout, done.returncode), ("", TIMED_OUT), "what comes after they were removed")


@case(tls=True)
def many_lines(at):
    """500 lines of mosquitto_pub's standard input come whole and in order, with QoS 1 and 2."""
    subscribe(at, "-q", 2, "-t", at.topic("lines/1"), "-t", at.topic("lines/2"))
    lines = [f"line {n}" for n in range(500)]
    for qos in (1, 2):
        publish(at, "-l", "-q", qos, "-t", at.topic(f"lines/{qos}"), read="\n".join(lines) + "\n")
        got = collect(at, 500, "-q", 2, "-t", at.topic("lines/1"), "-t", at.topic("lines/2"))
        same(got, lines, f"lines of QoS {qos}")


@case(5, tls=True)
def properties_of_mosquitto_pub(at):
    """Properties that mosquitto_pub sets are what mosquitto_sub prints."""
    subscribe(at, "-q", 1, "-t", at.topic("a"))
    wanted = ["-D", "publish", "user-property", "a", "1", "-D", "publish", "content-type", "text/plain", "-D", "publish", "payload-format-indicator", 1]
    publish(at, "-q", 1, "-t", at.topic("a"), "-m", "x", *wanted)
    same(collect(at, 1, "-q", 1, "-t", at.topic("a"), "-F", "%P|%C|%F|%p"), ["a:1|text/plain|1|x"], "properties")


def will_of(at):
    return "--will-topic", at.topic("will"), "--will-payload", "gone", "--will-qos", 1


@case(tls=True)
def will_of_mosquitto_sub(at):
    """The will of a mosquitto_sub that is killed is published."""
    watcher = at.listener().connect().subscribe((at.topic("will"), 1))
    publish(at, "-q", 1, "-r", "-t", at.topic("hello"), "-m", "hello")
    command = command_of(at, "mosquitto_sub", at.way.sender_id(), *will_of(at), "-q", 1, "-t", at.topic("hello"))
    with subprocess.Popen(["stdbuf", "-oL", *command], stdout=subprocess.PIPE, text=True) as killed:
        said = killed.stdout.readline()
        killed.kill()
    same(said, "hello\n", "what it printed before it was killed")
    same(watcher.payloads(1), ["gone"], "the will")


@case(tls=True)
def will_of_a_tired_mosquitto_sub(at):
    """A mosquitto_sub that waited in vain says goodbye, with 5 by reason 0x04, which asks for the will."""
    watcher = at.listener().connect().subscribe((at.topic("will"), 1))
    done = tool(at, "mosquitto_sub", at.way.sender_id(), *will_of(at), "-t", at.topic("nothing"), "-W", 1, check=False)
    same(done.returncode, TIMED_OUT, "exit code of mosquitto_sub")
    watcher.got(1 if at.version == 5 else 0)


@case()
def mosquitto_rr(at):
    """mosquitto_rr asks and gets its answer; with 5 over the response topic that it told."""
    answers = at.sender("answers").connect().subscribe((at.topic("ask"), 1))

    def answer(_client, _user, message):
        topic = getattr(message.properties, "ResponseTopic", None) if at.version == 5 else at.topic("answer")
        more = {"properties": props("PUBLISH", CorrelationData=getattr(message.properties, "CorrelationData", b""))} if at.version == 5 else {}
        answers.paho.publish(topic, b"answer to " + message.payload, 1, **more)

    answers.paho.on_message = answer
    got = tool(at, "mosquitto_rr", at.way.sender_id("asks"), "-q", 1, "-t", at.topic("ask"), "-e", at.topic("answer"), "-m", "hello", "-W", SECONDS)
    same(got, ["answer to hello"], "what mosquitto_rr printed")


@case()
def denied_mosquitto_sub(at):
    """mosquitto_sub says that its subscription was denied."""
    done = tool(at, "mosquitto_sub", at.way.listener_id(), "-t", DENIED, "-W", SECONDS, check=False)
    must("denied" in done.stderr + done.stdout, f"it said {done.stdout!r} {done.stderr!r}")


@case(tls=True)
def with_libmosquitto(at):
    """A program on libmosquitto publishes 100 messages of each QoS and gets them back."""
    site, device = at.way.house.site, at.way.sender_id()
    keys = [site.pki / "ca.crt", site.cert(device), site.key(device)] if at.way.has_identity else []
    host = "localhost" if keys else "127.0.0.1"
    done = subprocess.run(
        [str(x) for x in (PROGRAM, VERSIONS[at.version], host, at.way.port(), device, at.topic("lib"), *keys)],
        capture_output=True, text=True, timeout=2 * SECONDS, check=False,
    )
    same((done.returncode, done.stdout), (0, "300 sent, 300 acknowledged, 300 received\n"), f"the program ({done.stderr.strip()})")


def main():
    global PROGRAM
    parser = house.arguments(__doc__)
    parser.add_argument("--client", required=True, help="the program on libmosquitto")
    options = parser.parse_args()
    PROGRAM = options.client
    this = sys.modules[__name__]
    return house.run_ways(options, [(Way, [this]), (MutualTls, [this])])


PROGRAM = None
sys.exit(main())
