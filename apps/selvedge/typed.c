#include "typed.h"

#include <base/text.h>
#include <stdio.h>
#include <string.h>
#include <sys/disk.h>
#include <termios.h>
#include <unistd.h>

enum { FILE_MAX = 4096 };

sv_err sv_typed_from_file(const char *path, char out[SV_TYPED_MAX + 1], sv_why *why) {
    char room[FILE_MAX];
    sv_textbuf file = SV_TEXTBUF(room);
    sv_err err = sv_disk_read(path, &file, why);
    if (err == SV_OK) {
        sv_text rest = sv_textbuf_text(&file);
        sv_text line = sv_text_cut(&rest, '\n');
        line.len -= line.len > 0 && line.at[line.len - 1] == '\r';
        err = sv_text_copy(line, out, SV_TYPED_MAX + 1) == SV_OK
                  ? SV_OK
                  : sv_fail(why, SV_ERR_INVALID, "the first line of '%s' is no password", path);
    }
    explicit_bzero(room, sizeof room);
    return err == SV_ERR_NOT_FOUND ? SV_ERR_INVALID : err;
}

static sv_err read_line(const char *prompt, const char *what, char out[SV_TYPED_MAX + 1],
                        sv_why *why) {
    char line[SV_TYPED_MAX + 2];
    (void) fprintf(stderr, "%s %s: ", prompt, what);
    bool typed = fgets(line, sizeof line, stdin) != NULL;
    (void) fputc('\n', stderr);
    sv_text rest = typed ? sv_text_of(line) : SV_TEXT("");
    sv_text text = sv_text_cut(&rest, '\n');
    sv_err err = sv_text_copy(text, out, SV_TYPED_MAX + 1);
    explicit_bzero(line, sizeof line);
    return err == SV_OK && text.len > 0 ? SV_OK
                                        : sv_fail(why, SV_ERR_INVALID, "no %s was typed", what);
}

sv_err sv_typed_unseen(const char *what, char out[SV_TYPED_MAX + 1], sv_why *why) {
    struct termios shown;
    char again[SV_TYPED_MAX + 1] = "";
    if (tcgetattr(STDIN_FILENO, &shown) != 0) {
        return sv_fail(why, SV_ERR_INVALID,
                       "there is no terminal to type a %s at: name a file that holds it "
                       "(--%s-file)",
                       what, what);
    }
    struct termios hidden = shown;
    hidden.c_lflag &= ~(tcflag_t) ECHO;
    (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    sv_err err = read_line("new", what, out, why);
    err = err == SV_OK ? read_line("again the", what, again, why) : err;
    (void) tcsetattr(STDIN_FILENO, TCSAFLUSH, &shown);
    if (err == SV_OK && strcmp(out, again) != 0) {
        err = sv_fail(why, SV_ERR_INVALID, "these were two different ones");
    }
    explicit_bzero(again, sizeof again);
    return err;
}
