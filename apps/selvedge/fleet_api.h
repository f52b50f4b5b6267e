// A connection to the fleet server's operator API, for every noun that asks it something: where it
// is, the token that opens it, one question at a time. The token is read from its file and goes
// nowhere but into the request's header.
#ifndef SELVEDGE_FLEET_API_H
#define SELVEDGE_FLEET_API_H

#include "options.h"
#include <codec/json.h>
#include <sys/disk.h>

enum { SV_FLEET_API_TOKEN_MAX = 256, SV_FLEET_API_PATH_MAX = 512 };

/// What a person says about where it is; all may be NULL.
typedef struct sv_fleet_place {
    const char *pilot;      ///< folder of a pilot
    const char *url;        ///< or the operator door itself,
    const char *token_file; ///< with a token
    const char *ca;         ///< and whom to trust; NULL: the system's store
    int64_t patience_us;    ///< with an answer; 0: ten seconds
} sv_fleet_place;

/// Lines of a command's table of options that fill `place`.
#define SV_FLEET_PLACE_OPTIONS(place)                                                              \
    { .name = "pilot",                                                                             \
      .value = "DIR",                                                                              \
      .kind = SV_OPTION_TEXT,                                                                      \
      .target = &(place).pilot,                                                                    \
      .help = "ask the fleet server of the pilot in this folder [./pilot where there is one]" },   \
        { .name = "url",                                                                           \
          .value = "URL",                                                                          \
          .kind = SV_OPTION_TEXT,                                                                  \
          .target = &(place).url,                                                                  \
          .help = "ask the fleet server whose operator door this is" },                            \
        { .name = "token-file",                                                                    \
          .value = "FILE",                                                                         \
          .kind = SV_OPTION_TEXT,                                                                  \
          .target = &(place).token_file,                                                           \
          .help = "with --url: the file that holds the API token" },                               \
    {                                                                                              \
        .name = "ca", .value = "FILE", .kind = SV_OPTION_TEXT, .target = &(place).ca,              \
        .help = "with --url: the certificates to trust [those of the system]"                      \
    }

typedef struct sv_fleet_api sv_fleet_api;

/// SV_ERR_INVALID when it is not clear whom to ask or with which token.
sv_err sv_fleet_api_open(const sv_fleet_place *place, sv_fleet_api **out, sv_why *why);
void sv_fleet_api_drop(sv_fleet_api **api);

/// The JSON that answers GET `path` (query included). SV_ERR_UNAVAILABLE: nobody answers, or says
/// that he cannot; SV_ERR_UNTRUSTED: the token opens nothing there, or he is not who he should be;
/// SV_ERR_NOT_FOUND: what was asked for does not exist, in the server's own words; SV_ERR_INVALID:
/// the question is broken.
sv_err sv_fleet_api_get(sv_fleet_api *api, const char *path, sv_json **out, sv_why *why);
/// What answers it as it came, behind what is in `out` already.
sv_err sv_fleet_api_text(sv_fleet_api *api, const char *path, sv_textbuf *out, sv_why *why);
/// The same for a POST of one JSON value.
sv_err sv_fleet_api_post(sv_fleet_api *api, const char *path, sv_text body, sv_json **out,
                         sv_why *why);
enum { SV_FLEET_API_LINK_ROOM = SV_PATH_MAX + 128 };
/// The login link that the last answer brought (its Location), whole. False: it brought none.
bool sv_fleet_api_link(const sv_fleet_api *api, char link[SV_FLEET_API_LINK_ROOM]);
/// Let time pass, for who asks again.
void sv_fleet_api_pause(sv_fleet_api *api, int64_t pause_us);

/// A request that may change something.
typedef struct sv_fleet_api_errand {
    const char *method, *path; ///< query included
    const char *if_match;      ///< NULL: not sent; so for the next
    const char *content_type;
    sv_text body;
} sv_fleet_api_errand;

/// As above for any request that is answered 200 to 204 (*out stays NULL where no JSON comes). Also
/// SV_ERR_STATE: somebody else was faster (409, 412). Of a refusal *out is the problem document, if
/// it came with one.
sv_err sv_fleet_api_send(sv_fleet_api *api, const sv_fleet_api_errand *errand, sv_json **out,
                         sv_why *why);
/// The same, and of a refusal nothing: *out stays as it was.
sv_err sv_fleet_api_ask(sv_fleet_api *api, const sv_fleet_api_errand *errand, sv_json **out,
                        sv_why *why);

#endif
