// The noun `detect`: filters that judge series, row by row.
#include "detect.h"
#include "command.h"

int cmd_detect(int argc, char **argv) {
    static const sv_command verbs[] = {
        { "stream", "one sensor: how unusual is each value?", cmd_detect_stream },
        { "machine", "all sensors of a machine together: is it as it was?", cmd_detect_machine },
        { "vibration", "windows of vibration: does the machine sound healthy?",
          cmd_detect_vibration },
    };
    return sv_command_run("selvedge detect",
                          "Is this usual? Filters from CSV on stdin to CSV on stdout. A row is "
                          "judged by the rows before it alone.\nBegin with: selvedge detect stream "
                          "< values.csv > scores.csv",
                          verbs, SV_COUNT(verbs), argc, argv);
}
