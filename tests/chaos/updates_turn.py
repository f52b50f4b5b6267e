"""One campaign over twenty machines, and what happens to them meanwhile. `Turn.open`, `Turn.run`; then updates_judge.py says whether it was as it should be."""
import json
import random
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from contextlib import closing

from bad_link import BadLink
from ports import free_port
from site_programs import SiteError, answers, wait_until
from update_machines import Liar, Machine, NEW, PRODUCT, Releases

DEVICES = [f"press-{n:02d}" for n in range(1, 21)]
AT_ONCE = 8
NARROW = 300 * 1024  # bytes a second of each connection of the site's link
LONGEST_S = 240
AT_RISK, BAD = ("waiting", "downloading", "installed", "trial"), ("failed", "rolled_back", "silent")
RULES = "uplink: {default: all}\n"


class Turn:
    def __init__(self, site, releases, folder, seed):
        self.site, self.releases, self.folder, self.seed = site, releases, folder, seed
        self.dice = random.Random(seed)
        self.machines, self.liar, self.link = {}, None, None
        self.fine_again = threading.Event()
        self.faults, self.whys, self.forgiven, self.waves_begun = [], [], 0, set()  # seen on the way
        self.cuts = self.cuts_of_image = self.kills = self.lost = 0
        self.lost_in_memory = 0  # of the image, by a gateway that was killed while it came
        self.deaths, self.killed_agents = {"gateway": 0, "agent": 0, "updater": 0}, set()
        self.came_before = {"up_bytes": 0, "served_bytes": 0}  # at the gateway, until it was killed
        self.campaign = None  # as it was seen last
        self.draw()

    def draw(self):
        """Whom it hits, and what the campaign's rules are."""
        names = self.dice.sample(DEVICES, 4)
        self.unhealthy, self.powerless, self.absent, self.lying = names
        self.power_goes_at = self.dice.uniform(0.02, 0.7)
        self.link_goes_at = sorted(self.dice.uniform(0.05, 0.95) for _ in range(self.dice.randint(1, 3)))
        self.fleet_dies_at = sorted(self.dice.sample(range(1, 18), 2))
        self.bound = self.dice.choice((1, 2))
        self.success = self.dice.choice((100, 100, 70))
        self.absent_until = self.dice.randint(4, 14)  # so many others have come to their end
        self.lie_is_old = False
        self.others_die_at = sorted((self.dice.randrange(1, 18), who) for who in self.dice.choices(("gateway", "agent", "updater"), k=2))
        self.is_paused_at_once = self.dice.random() < 0.5
        self.is_retried = self.dice.random() < 0.5  # what was wrong with the unhealthy one is put right, and somebody says "retry"

    # ---- how it begins --------------------------------------------------------------------------------

    def open(self):
        site = self.site
        (self.folder / "signer.yaml").write_text(f"pki: {site.pki}\nsocket: {self.folder}/signer.sock\n")
        site.start("signer", site.bin / "selvedge-signer", "--config", self.folder / "signer.yaml")
        wait_until((self.folder / "signer.sock").exists, "the signer's start")
        self.fleet = site.start_fleet(folder=self.folder, more=f"signer: {{socket: {self.folder}/signer.sock}}\nddi: {{poll: 3s}}\n")
        wait_until((self.folder / "director-root.json").exists, "the director's root")
        self.link = BadLink(site.device_port, self.dice.random())
        self.door = free_port()
        site.write_gateway(fleet=self.link.port, alerts_port=None, group_ms=None, door=True, store=", pack: 2s, rows: 500", folder=self.folder,
                           more=f"{RULES}door: {{bind: 127.0.0.1, port: {self.door}}}\n")
        self.gateway = site.start_gateway()
        self.releases.upload()
        self.start_machines()
        self.must_be_known()
        self.link.be(bytes_per_s=NARROW)
        self.machines[self.absent].stop()
        if self.is_paused_at_once:
            self.pause_at_once()
        else:
            self.start_campaign()

    def start_machines(self):
        for name in DEVICES:
            if name == self.lying:
                self.liar = Liar(self.site, name, self.door, self.seed)
                self.liar.start()
                continue
            bad = name == self.unhealthy
            self.machines[name] = Machine(self.site, self.releases, self.folder, name, self.door, healthy=not bad, deadline="4s" if bad else "120s", powerless=name == self.powerless)
            self.machines[name].start()

    def tick(self):
        for machine in self.machines.values():
            machine.tick()
        self.hurt_a_machine()
        self.site.died()

    def pass_time(self, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.tick()
            time.sleep(0.05)

    def must_be_known(self):
        def known():
            self.tick()
            return (self.api("GET", "query?q=product=" + PRODUCT) or {}).get("devices") == len(DEVICES)

        wait_until(known, "every device's word about what it runs", 60)

    def start_campaign(self):
        body = {"image": Releases.path(NEW), "target": {"query": "all"}, "waves": [{"count": 3}, {"count": 6}], "success": {"percent": self.success},
                "stop": {"any": {"count": self.bound}}, "rate": {"at_once": AT_ONCE}}
        self.campaign = self.api("POST", "updates", body)
        if self.campaign is None:
            raise SiteError("the campaign cannot be started")
        self.id = self.campaign["id"]

    def pause_at_once(self):
        """Somebody pauses it when the first ones have their assignment and nobody has told them: the link was cut before it began."""
        self.link.be(cut=True)
        self.start_campaign()
        wait_until(lambda: (self.tick(), len(self.rows() or {}) == len(DEVICES) and self.look_only() and self.count("waiting") == 3)[1], "the first assignments", 30)
        if self.api("POST", f"updates/{self.id}/pause") is None:
            raise SiteError(self.refusal)
        self.link.be(bytes_per_s=NARROW)
        self.resume()

    def note(self, what):
        """For whoever looks for what went wrong: `story` in the turn's folder."""
        with open(self.folder / "story", "a", encoding="ascii") as story:
            counts = {name: count for name, count in (self.campaign or {}).get("counts", {}).items() if count}
            story.write(f"{time.strftime('%H:%M:%S', time.gmtime())} {what} {counts}\n")

    # ---- asking ---------------------------------------------------------------------------------------

    def api(self, method, path, body=None):
        """None: the fleet server is away, or refuses."""
        token = (self.site.dir / "admin.token").read_text().strip()
        data = None if body is None else json.dumps(body).encode()
        asked = urllib.request.Request(f"http://127.0.0.1:{self.site.operator_port}/api/v1/{path}", data, {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                return json.loads(answer.read() or "null")
        except urllib.error.HTTPError as error:
            self.refusal = f"{method} {path}: {error.code} {error.read().decode()[:300]}"
            return None
        except OSError:
            return None

    def rows(self):
        answer = self.api("GET", f"updates/{self.id}/devices?limit=100")
        return None if answer is None else {row["device"]: row for row in answer["items"]}

    def not_begun(self):
        """Whose turn has not come, and who has not heard of it. None: nobody says."""
        rows = self.rows()
        if rows is None:
            return None
        pages = {name: self.api("GET", f"devices/{name}/updates") for name, row in rows.items() if row["state"] == "waiting"}
        heard = {name for name, page in pages.items() if page is None or not page["assigned"] or page["assigned"]["state"] != "waiting"}
        return {name for name, row in rows.items() if row["state"] in ("planned", "waiting") and name not in heard}

    def cache(self):
        """The gateway's counts, of all its lives."""
        counts = self.site.gateway_status()["cache"]
        return {**counts, **{name: counts[name] + before for name, before in self.came_before.items()}}

    def count(self, *names):
        return sum(self.campaign["counts"][name] for name in names)

    def ended(self):
        return self.count("confirmed", *BAD)

    # ---- on the way -----------------------------------------------------------------------------------

    def run(self):
        weather = threading.Thread(target=self.hurt_the_link, daemon=True)
        weather.start()
        try:
            self.run_until(self.is_over)
            if self.is_retried:
                self.retry()
                self.run_until(self.is_over)
        finally:
            self.fine_again.set()
            weather.join()
        self.settle()

    def run_until(self, is_over):
        until = time.monotonic() + LONGEST_S
        while not is_over():
            if time.monotonic() > until:
                raise SiteError(f"it does not come to an end: {self.campaign['why']} {self.campaign['counts']}")
            self.tick()
            self.look()
            self.hurt_the_fleet()
            self.hurt_others()
            self.bring_back()
            time.sleep(0.05)

    def retry(self):
        self.machines[self.unhealthy].heal()

        def taken():
            self.tick()
            seen = self.api("POST", f"updates/{self.id}/retry", {"devices": [self.unhealthy]})
            self.campaign = seen or self.campaign
            return seen is not None

        wait_until(taken, "the retry", 60)

    def is_over(self):
        return self.campaign["state"] == "done" and not self.fleet_dies_at and self.lie_is_old

    def look_only(self):
        """False: the fleet server is away."""
        seen = self.api("GET", f"updates/{self.id}")
        self.campaign = seen or self.campaign
        return seen is not None

    def look(self):
        before = self.campaign
        if not self.look_only():
            return
        if self.campaign["counts"] != before["counts"]:
            self.note(self.campaign["state"])
        bad = self.count(*BAD)
        if self.count(*AT_RISK) > AT_ONCE:
            self.faults.append(f"{self.count(*AT_RISK)} devices are at risk at once")
        there = ("installed", "trial", "confirmed", *BAD)
        if self.count(*there) < sum(before["counts"][name] for name in there) or self.count("confirmed") < before["counts"]["confirmed"]:
            self.faults.append(f"somebody has gone back: {before['counts']}, {self.campaign['counts']}")
        if self.campaign["state"] == "running" and bad - self.forgiven >= self.bound:
            self.faults.append(f"it runs with {bad} bad ones, {self.forgiven} of them forgiven, and stops at {self.bound}")
        self.look_at_waves()
        if self.campaign["state"] == "paused":
            self.whys.append(self.campaign["why"])
            self.resume()

    def look_at_waves(self):
        """A wave begins when enough of the one before are confirmed, or somebody let it go on. [campaign-12]"""
        waves = self.campaign["waves"]
        for earlier, later in zip(waves, waves[1:]):
            enough = earlier["confirmed"] * 100 >= self.success * (earlier["devices"] - earlier["canceled"])
            over = earlier["planned"] + sum(earlier[name] for name in AT_RISK) == 0
            has_begun = later["devices"] > later["planned"] and later["number"] not in self.waves_begun
            if has_begun:
                self.waves_begun.add(later["number"])
            if has_begun and not enough and not over:
                self.faults.append(f"wave {later['number']} has begun: {waves}")

    def resume(self):
        """Nobody begins while it is paused; then somebody says that it goes on. [campaign-16]"""
        before = self.not_begun()
        self.pass_time(4)  # more than a poll
        after = self.not_begun()
        if before is not None and after is not None and not before <= after:
            self.faults.append(f"{sorted(before - after)} have begun while the campaign was paused")
        seen = self.api("POST", f"updates/{self.id}/resume")
        if seen is not None:
            self.campaign = seen
            self.forgiven = self.count(*BAD)

    def hurt_the_link(self):
        """On a thread of its own: while the image comes at the shares of it that the dice have said, and now and then."""
        dice, shares, next_cut = random.Random(f"{self.seed} link"), list(self.link_goes_at), time.monotonic() + 1
        while not self.fine_again.wait(0.03):
            came, of = self.came(), self.releases.fetched(NEW)[0]
            due = shares and shares[0] * of <= came < of
            if due or time.monotonic() >= next_cut:
                shares = shares[1:] if due else shares
                self.cuts += 1
                self.cuts_of_image += 0 < came < of
                self.note("the link is cut")
                self.link.be(cut=True)
                self.fine_again.wait(min(3, dice.expovariate(1 / 0.5)))
                self.link.be(bytes_per_s=NARROW)
                next_cut = time.monotonic() + dice.expovariate(1 / 3)
        self.link.be()

    def came(self):
        """How much of the image has come; -1: the gateway is away."""
        try:
            return self.cache()["up_bytes"]
        except OSError:
            return -1

    def hurt_a_machine(self):
        machine = self.machines[self.powerless]
        if machine.cuts or machine.agent is None:
            return
        status = machine.status()
        if status is not None and status["state"] == "downloading" and status["written"] >= self.power_goes_at * self.releases.length(NEW):
            self.lost = machine.lose_power(self.dice)
            self.note(f"{machine.name} loses its power and {self.lost} bytes")
            machine.start()

    def hurt_the_fleet(self):
        """At moments that the dice have said, and for the one who lies: nobody waits ten minutes for his proof here. [campaign-31]"""
        begun = self.count(*AT_RISK) + self.ended()
        due = self.fleet_dies_at and begun >= self.fleet_dies_at[0]
        ages = not self.lie_is_old and self.liar.lies > 0
        if not due and not ages:
            return
        self.fleet_dies_at = self.fleet_dies_at[1:] if due else self.fleet_dies_at
        self.cuts_of_image += 0 < self.came() < self.releases.fetched(NEW)[0]
        self.site.kill(self.fleet)
        self.kills += 1
        self.note("the fleet server dies")
        if ages:
            self.let_the_lie_age()
        self.pass_time(self.dice.uniform(0, 1.5))
        self.fleet = self.launch("fleet", lambda: answers(self.site.device_port))

    def launch(self, name, is_there):
        """The machines go on meanwhile."""
        process = self.site.launch(name)
        wait_until(lambda: (self.tick(), is_there())[1], f"the return of the {name}", 60)
        return process

    def hurt_others(self):
        """The gateway, or one program of a machine that is at it."""
        if not self.others_die_at or self.count(*AT_RISK) + self.ended() < self.others_die_at[0][0]:
            return
        who = self.others_die_at[0][1]
        if who == "gateway":
            self.came_before = {name: self.cache()[name] for name in self.came_before}
            if self.came_before["up_bytes"] < self.releases.fetched(NEW)[0]:
                self.lost_in_memory += self.came_before["up_bytes"]
            self.site.kill(self.gateway)
            self.note("the gateway dies")
            self.gateway = self.launch("gateway", self.site.gateway_opened)
        elif (name := self.choose_one_at_it()) is None:
            return
        else:
            self.machines[name].kill(who)
            self.note(f"the {who} of {name} dies")
            self.killed_agents |= {name} if who == "agent" else set()
        self.deaths[who] += 1
        self.others_die_at = self.others_die_at[1:]

    def choose_one_at_it(self):
        names = [name for name, row in (self.rows() or {}).items() if row["state"] in ("downloading", "installed", "trial") and name not in (self.powerless, self.absent, self.lying) and self.machines[name].agent is not None]
        return self.dice.choice(names) if names else None

    def let_the_lie_age(self):
        with closing(sqlite3.connect(self.site.fleet_store)) as db, db:
            changed = db.execute("UPDATE action SET due_us = due_us - 3600000000 WHERE device = ? AND due_us IS NOT NULL", (self.lying,)).rowcount
        self.lie_is_old = True
        if changed != 1:
            self.faults.append(f"nobody waits for the proof of {self.lying}'s success")

    def bring_back(self):
        machine = self.machines[self.absent]
        alone = self.count("planned") + self.count(*AT_RISK) > 0 and self.count(*AT_RISK) == self.count("waiting") == 1
        if machine.on or (self.ended() < self.absent_until and not alone):
            return
        rows = self.rows()
        if rows:
            if rows[self.absent]["state"] not in ("planned", "waiting"):
                self.faults.append(f"{self.absent} was away and is {rows[self.absent]['state']}")
            machine.start()

    # ---- how it ends ----------------------------------------------------------------------------------

    def settle(self):
        """Every report is delivered, and a last reading of each machine has come up."""
        for machine in self.machines.values():
            machine.sensor.write_text("777\n")

        def told():
            self.tick()
            return all((status := machine.status()) is not None and status["reports"] == [] for machine in self.machines.values())

        def arrived():
            self.tick()
            with closing(sqlite3.connect(f"file:{self.site.fleet_store}?mode=ro", uri=True, timeout=10)) as db:
                return db.execute("SELECT count(DISTINCT device) FROM point JOIN stream ON stream.id = stream WHERE sensor = 'level' AND max = 777").fetchone()[0] == len(self.machines)

        wait_until(told, "the delivery of every report", 90)
        wait_until(arrived, "the arrival of every machine's last reading", 60)

    def where(self):
        """For whoever looks for what went wrong."""
        return f"{self.told()}; {json.dumps(self.campaign)}; kept in {self.folder}"

    def told(self):
        counts = (self.campaign or {}).get("counts", {})
        return (f"{counts.get('confirmed')} confirmed of {counts.get('devices')}, {len(self.whys)} pauses; {self.cuts} cuts of the link, {self.cuts_of_image} of them in the image; {self.kills} deaths of the fleet server, {self.deaths}; "
                f"{self.machines[self.powerless].cuts if self.powerless in self.machines else 0} power cut with {self.lost} bytes lost; unhealthy {self.unhealthy}, powerless {self.powerless}, absent {self.absent}, lying {self.lying}{', retried' if self.is_retried else ''}; {(self.campaign or {}).get('traffic')}")

    def close(self):
        if self.liar is not None:
            self.liar.ended.set()
        for machine in self.machines.values():
            machine.end(9)
        if self.liar is not None and self.liar.is_alive():
            self.liar.join(15)
        self.site.stop_all()
