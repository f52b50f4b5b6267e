// One answer of the fleet server about who is in which group: read whole, or refused. Pure.
#ifndef SELVEDGE_GATEWAY_MEMBERS_PAGE_H
#define SELVEDGE_GATEWAY_MEMBERS_PAGE_H

#include <codec/json.h>
#include <edge/members.h>

typedef struct gw_members_page {
    int64_t revision; ///< up to which number it goes
    bool more;        ///< there are devices beyond it
    uint64_t sum;     ///< of all there is (sv_members_sum), when there are no more
} gw_members_page;

/// {"groups":[{"name","known"}],"devices":[{"id","in":[…]}],"revision","more","sum"}: put into
/// `members`. After SV_ERR_INVALID these are not to be used.
sv_err gw_members_page_read(const sv_json *root, sv_members *members, gw_members_page *out,
                            sv_why *why);

#endif
