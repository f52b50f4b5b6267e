"""What tests/scenario/swupdate.sh tells of a fleet server. Arguments: those of update_machine.Site."""
import os
import sys

import installer_story as installer
from swupdate_house import SwupdateHouse
from update_machine import Machine, Site
from updater_house import expect

site = Site(*sys.argv[1:5])
house = SwupdateHouse("device", director_root=f"{site.folder}/director-root.json")
machine = Machine(site, house)
installer.a_campaign_is_confirmed(site, machine, "1.1.0")
expect(house.get_env("selvedge_slots") == "cc" and house.get_env("BOOT_ORDER") == "B A" and house.get_env("ustate") == "0", "it starts from another slot, or SWUpdate has marked something")
expect(not os.path.exists(f"{house.home}/swu-b"), "the .swu is kept")
installer.a_campaign_that_is_not_healthy_pauses(site, machine, "2.0.0", before="1.1.0")
expect(house.get_env("selvedge_slots") == "bc" and house.get_env("BOOT_A_LEFT") == "0", "it may start again")
# One that SWUpdate's own keys have not signed: SWUpdate's reason is the campaign's, and nothing is written.
slot, installs = house.slot(0), house.installs()
installer.a_campaign_says_why_it_is_refused(site, machine, "3.0.0", "SWUpdate does not install the image: Authentication of all signatures failed", before="1.1.0")
expect(house.slot(0) == slot and house.installs() <= installs + 1, "a stranger's image was written")
machine.end()
