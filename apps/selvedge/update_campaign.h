// Campaigns as the command shows them, for the verbs of `selvedge update` that ask the fleet
// server.
#ifndef SELVEDGE_UPDATE_CAMPAIGN_H
#define SELVEDGE_UPDATE_CAMPAIGN_H

#include "fleet_verb.h"

/// `selvedge update show`: a number is a campaign's, unless a folder or file is called so; anything
/// else is a repository, a bundle or their URL.
int update_show_any(int argc, char **argv);
int update_start(int argc, char **argv);
int update_list(int argc, char **argv);
int update_devices(int argc, char **argv);
int update_pause(int argc, char **argv);
int update_resume(int argc, char **argv);
int update_stop(int argc, char **argv);
int update_approve(int argc, char **argv);
int update_retry(int argc, char **argv);
int update_wait(int argc, char **argv);

/// A campaign's path, with what follows its number.
sv_err update_campaign_path(const char *id, const char *behind, char room[SV_FLEET_API_PATH_MAX]);
/// "number of a campaign" or not; for `check`.
sv_err update_campaign_check(const char *id, sv_why *why);
/// One line: `7  running  lathe/1.1  12 of 20 confirmed  paused by ann`.
void update_campaign_line(const sv_json *campaign, void *arg);
/// The head above such lines.
extern const char update_campaign_head[];
/// All of it.
void update_campaign_show(const sv_json *campaign);

#endif
