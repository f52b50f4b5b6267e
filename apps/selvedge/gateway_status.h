// `selvedge gateway status`.
#ifndef SELVEDGE_GATEWAY_STATUS_H
#define SELVEDGE_GATEWAY_STATUS_H

int cmd_gateway_status(int argc, char **argv);

#endif
