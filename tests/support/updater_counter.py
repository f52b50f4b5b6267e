"""What tests/scenario/updater_counter.sh tells."""
import json
import os
import shutil
import subprocess

from updater_house import House, digest_of, expect, path_of, wait_for

NO_TPM = "device:/nowhere/tpmrm0"


ASK_HEALTH = 7


def children(pid):
    """Of a process, those that have not ended."""
    found = []
    for other in open(f"/proc/{pid}/task/{pid}/children").read().split():
        try:
            with open(f"/proc/{other}/stat") as stat:
                if stat.read().rsplit(")", 1)[1].split()[0] != "Z":
                    found.append(other)
        except FileNotFoundError:  # it has ended meanwhile
            pass
    return found


def peak(house):
    """Most memory that the updater ever had, in KiB."""
    return int(next(line for line in open(f"/proc/{house.process.pid}/status") if line.startswith("VmHWM")).split()[1])


def doctor(house):
    """What the doctor says of the counter: (verdict, what it saw). [doctor-6]"""
    said = subprocess.run([os.environ["SV_BIN"] + "/selvedge", "doctor", house.yaml, "--output", "json"], env={**os.environ, **house.environment}, stdout=subprocess.PIPE, check=False)
    found = [f for f in json.loads(said.stdout) if f["step"] == "counter"]
    expect(len(found) == 1, said.stdout)
    return found[0]["verdict"], found[0]["saw"]


def it_follows_and_a_copy_of_the_disk_does_not_lower_it():
    house = House("counts", counter="tpm")
    house.write_config()
    expect(doctor(house)[0] == "skipped", doctor(house))
    house.start()
    shutil.copytree(house.dir, "old")  # of the disk, while 1.0.0 ran
    house.update("2.0.0")
    house.confirm()
    print(f"peak with the TPM: {peak(house)} KiB")
    expect(doctor(house) == ("ok", "the TPM's counter at 0x01805e1a is at 2, as what was confirmed"), doctor(house))
    house.stop()
    shutil.rmtree(house.dir)
    shutil.copytree("old", house.dir)
    house.start()
    status = house.status()
    secret = open(f"{house.dir}/tpm-counter").read()
    expect(os.stat(f"{house.dir}/tpm-counter").st_mode & 0o7777 == 0o600, "others may read the counter's secret")
    expect(len(secret) == 32 and secret not in house.said() and "secret" not in house.said(), house.said()[-600:])
    expect(status["runs"]["version"] == "1.0.0" and status["counter"] == 1, "the old disk is not what starts: " + str(status))
    expect("1.0.0 runs, with release counter 1, and 2 was confirmed on this device" in house.said(), house.said()[-600:])
    expect(doctor(house) == ("no", "the TPM is at 2, and 1 is the highest that was confirmed by what is on the disk"), doctor(house))
    house.director.assign(path_of("1.1.0"))
    house.refused("untrusted", "release counter 1, and 2 was confirmed already")
    house.update("2.0.0")
    house.confirm()
    house.stop()


def without_a_tpm_what_runs_goes_on():
    house = House("away", counter="{tpm: 0x01800040}")
    house.start()
    house.update("1.1.0")
    house.process.kill()
    house.process.wait()
    house.environment = {"SELVEDGE_TPM": NO_TPM}
    house.start()
    expect(f"no TPM answers at '{NO_TPM}'" in house.said(), house.said()[-600:])
    verdict, saw = doctor(house)
    expect(verdict == "no" and "no TPM answers at" in saw, saw)
    house.confirm()  # it proves itself without
    expect(house.status()["runs"]["sha256"] == digest_of("1.1.0"), house.status())
    house.director.assign(path_of("2.0.0"))
    house.refused("unavailable", "no TPM answers at")
    house.stop()
    house.environment = {}
    house.start()
    house.update("2.0.0")
    house.confirm()
    house.stop()


def a_tpm_that_comes_later_is_taken():
    """As one whose driver is loaded late: it is asked again, and taken by a new start, when nothing is on trial. [updater-31]"""
    house = House("late", counter="{tpm: 0x01800080}")
    house.start()
    house.update("1.1.0")
    house.process.kill()
    house.process.wait()
    there = os.path.abspath("tpm-is-there")
    house.environment = {"SELVEDGE_TPM": f"cmd:test -e {there} && exec {os.environ['SELVEDGE_TPM'].removeprefix('cmd:')}"}
    house.start()
    beside = children(house.process.pid)
    expect(len(beside) == 1, f"nobody asks for the TPM: {beside}")
    wait_for(lambda: len(os.listdir(f"/proc/{beside[0]}/fd")) == 4, "who asks for the TPM has more than its pipe")
    open(there, "w").close()
    wait_for(lambda: not children(house.process.pid), "nobody asks for the TPM again")
    expect(house.status()["next"] == ASK_HEALTH, "a trial was not let prove itself")
    house.confirm()
    expect(house.process.wait(20) == 5 and "a TPM answers now; it takes a new start" in house.said(), house.said()[-600:])
    os.remove(there)
    house.start()
    house.director.assign(path_of("2.0.0"))
    house.refused("unavailable", "It is asked again; until it answers no release is taken")
    open(there, "w").close()
    expect(house.process.wait(20) == 5, house.said()[-600:])
    house.start()
    house.update("2.0.0")
    house.confirm()
    house.stop()


def a_cut_between_the_two_is_made_good():
    """Confirmed while there was no TPM: the next start with one counts."""
    house = House("between", counter="{tpm: 0x01800060}")
    house.environment = {"SELVEDGE_TPM": NO_TPM}
    house.start()
    house.stop()
    house.config["counter"] = None
    house.write_config()
    house.start()
    house.update("2.0.0")
    house.confirm()
    house.stop()
    house.config["counter"] = "{tpm: 0x01800060}"
    house.write_config()
    house.environment = {}
    house.start()
    house.stop()
    shutil.copytree(house.dir, "newer")
    shutil.rmtree(house.dir)
    shutil.copytree("slots", house.dir)
    house.start()
    house.director.assign(path_of("1.1.0"))
    house.refused("untrusted", "and 2 was confirmed already")
    # The counter's secret went with the disk: it is read, newer releases are taken, and what to do is said.
    lost = f"the secret of the TPM's counter at 0x01800060 is not in '{house.dir}/tpm-counter': put that file back, or have the TPM's owner delete the counter"
    expect(lost in house.said(), house.said()[-600:])
    verdict, saw = doctor(house)
    expect(verdict == "no" and lost in saw, saw)
    shutil.copy("newer/tpm-counter", house.dir)
    house.stop()
    os.truncate(house.log, 0)
    house.start()
    expect("secret" not in house.said(), house.said()[-600:])
    house.update("2.0.0")
    house.confirm()
    house.stop()


def what_others_keep_there_is_said():
    house = House("taken", counter="{tpm: 0x01800041}")  # where another one began, which is locked
    house.start()
    expect("something else than the updater's counter is at the TPM's NV index 0x01800041" in house.said(), house.said()[-600:])
    verdict, saw = doctor(house)
    expect(verdict == "no" and "something else than the updater's counter" in saw, saw)
    house.director.assign(path_of("1.1.0"))
    house.refused("state", "something else than the updater's counter")
    house.config["counter"] = "tpm2"
    house.write_config()
    house.stop()
    said = subprocess.run([os.environ["SV_BIN"] + "/selvedge-updater", "--config", house.yaml, "--check-config"], stderr=subprocess.PIPE, text=True, check=False)
    expect(said.returncode == 2 and "counter: write tpm, or {tpm: 0x" in said.stderr, said)


it_follows_and_a_copy_of_the_disk_does_not_lower_it()
without_a_tpm_what_runs_goes_on()
a_tpm_that_comes_later_is_taken()
a_cut_between_the_two_is_made_good()
what_others_keep_there_is_said()
