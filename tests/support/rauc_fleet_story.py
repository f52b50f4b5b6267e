"""What tests/scenario/rauc_fleet.sh tells. Arguments: those of update_machine.Site."""
import sys

import installer_story as installer
from rauc_house import RaucHouse
from update_machine import Machine, Site
from updater_house import expect

site = Site(*sys.argv[1:5])
house = RaucHouse("device", director_root=f"{site.folder}/director-root.json")
machine = Machine(site, house)
installer.a_campaign_is_confirmed(site, machine, "1.1.0")
expect(house.loader("get-state", "system1") == "good", "RAUC does not call it good")
installer.a_campaign_that_is_not_healthy_pauses(site, machine, "2.0.0", before="1.1.0")
expect(house.loader("get-state", "system0") == "bad", "it may start again")
# One that RAUC's own keys have not signed: RAUC's reason is the campaign's, and nothing is written.
device = house.device(0)
installer.a_campaign_says_why_it_is_refused(site, machine, "3.0.0", "RAUC does not install the bundle", before="1.1.0")
expect(house.device(0) == device, "a stranger's bundle was installed")
machine.end()
