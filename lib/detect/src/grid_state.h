// A grid within the bytes of what owns it; its step is the owner's.
#ifndef SV_DETECT_GRID_STATE_H
#define SV_DETECT_GRID_STATE_H

#include "state.h"
#include <detect/grid.h>

void sv_grid_put(sv_textbuf *out, const sv_grid *grid);
/// Into one that was started. What makes no sense fails the cursor.
void sv_grid_get(sv_cursor *in, sv_grid *grid);

#endif
