"""What tests/scenario/updater_files_fleet.sh tells. Arguments: those of update_machine.Site."""
import sys

import installer_story as installer
from update_machine import Machine, Site
from updater_trees import TreeHouse

site = Site(*sys.argv[1:5])
machine = Machine(site, TreeHouse("device", director_root=f"{site.folder}/director-root.json"))
installer.a_campaign_is_confirmed(site, machine, "1.1.0")
installer.a_campaign_that_is_not_healthy_pauses(site, machine, "2.0.0", before="1.1.0")
# One with something in it that no tree here may have: that is the campaign's reason.
installer.a_campaign_says_why_it_is_refused(site, machine, "2.1.0", "is a hard link", before="1.1.0")
machine.end()
