#include "command.h"
#include <stdio.h>
#include <string.h>

static const sv_command COMMANDS[] = {
    { "pilot", "a complete site on this machine, to look around and to try", cmd_pilot },
    { "simulate", "machines that send readings to a gateway", cmd_simulate },
    { "publish", "send one reading, for trying and scripting", cmd_publish },
    { "pki", "certificates: make a CA, issue, sign, verify, revoke", cmd_pki },
    { "firmware", "make a key, sign, verify and install a firmware file", cmd_firmware },
    { "update", "which firmware exists, and who says so: keys, sign, publish", cmd_update },
    { "director", "what devices are told to run: a new key for who signs it", cmd_director },
    { "group", "names for devices, as lists or queries: list, show, set, delete, ask", cmd_group },
    { "gateway", "how a gateway is doing; check its configuration", cmd_gateway },
    { "device", "the devices: list, show, add, revoke, ask one to do something", cmd_device },
    { "alert", "the alert inbox: list, show, acknowledge", cmd_alert },
    { "rules", "a site's rules: show, give, list the versions, go back to one", cmd_rules },
    { "notify", "messages to people: send a test, see what became of them", cmd_notify },
    { "user", "people who may use the fleet server: list, add, role, sessions, recover", cmd_user },
    { "token", "API tokens for programs: list, add, remove", cmd_token },
    { "audit", "what can be proved: has every reading arrived, and once?", cmd_audit },
    { "checklist", "what is true of this deployment's security, with evidence", cmd_checklist },
    { "doctor", "what keeps a set-up from working, step by step, and what to do", cmd_doctor },
    { "model", "how long a machine will last, or what is wrong with it, learnt from history",
      cmd_model },
    { "backtest", "what the gateway's rules would have decided on recorded readings",
      cmd_backtest },
    { "detect", "how unusual are these values? CSV in, scores out", cmd_detect },
};

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        (void) printf("selvedge %s\n", SV_VERSION);
        return SV_EXIT_DONE;
    }
    return sv_command_run(
        "selvedge",
        "The operator's command of Selvedge. Data goes to stdout, everything else to stderr.\n"
        "New here? `selvedge pilot` starts a whole site on this machine, to look around.\n\n"
        "Exit codes: 0 done, 1 the answer is no, 2 wrong usage or configuration, 3 unreachable,\n"
        "4 refused, 5 this machine (disk full, permission).",
        COMMANDS, SV_COUNT(COMMANDS), argc, argv);
}
