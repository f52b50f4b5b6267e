// CRC-32 (IEEE 802.3, as in zip and Ethernet): finds bytes that a medium changed. It is no proof
// against somebody who wants to change them.
#ifndef SV_BASE_CRC_H
#define SV_BASE_CRC_H

#include <base/text.h>

uint32_t sv_crc32(sv_text bytes);

#endif
