// Who may say and hear what at the gateway's own front door (DESIGN §3). The certificate decides:
//
//   device   publishes sensors/<id>/..., health/<id>, presence/<id>, results/<id>/...;
//            hears commands/<id>/..., updates/<id>, acks/<id>, alerts/<id> and what it says itself
//   app      publishes nothing; hears what `apps:` lists for it
//   gateway, server   nothing: they are no clients of this door
//   local    (the unix socket; `who` is NULL) publishes all but what devices and this gateway say;
//            hears everything
//
// What `listen: deny:` lists is for nobody.
#ifndef SELVEDGE_GATEWAY_RIGHTS_H
#define SELVEDGE_GATEWAY_RIGHTS_H

#include "config.h"

bool gw_may_publish(const gw_config *config, const sv_identity *who, sv_text topic);
/// `filter` is valid [MQTT §4.7] and has lost its `$share/<name>/`.
bool gw_may_subscribe(const gw_config *config, const sv_identity *who, sv_text filter);

/// Does every topic that matches `narrow` match `wide` as well?
bool gw_filter_covers(sv_text wide, sv_text narrow);

#endif
