// What the fleet server says of its fleet.
#include "checklist_gather.h"

#include <codec/encode.h>
#include <stdio.h>
#include <sys/clock.h>

static const struct {
    const char *path; ///< with a filter, or without pages
    bool paged;
} ASKS[SV_ASK__COUNT] = {
    [SV_ASK_OVERVIEW] = { "/api/v1/overview", false },
    [SV_ASK_STANDING] = { "/api/v1/standing", false },
    [SV_ASK_NOTIFY] = { "/api/v1/notify", false },
    [SV_ASK_CERTIFICATES] = { "/api/v1/certificates?limit=500", true },
    [SV_ASK_ALERTS] = { "/api/v1/alerts?state=active&limit=500", true },
    [SV_ASK_UNDELIVERED] = { "/api/v1/notifications?state=failed&limit=200", true },
    [SV_ASK_DEVICES] = { "/api/v1/devices?limit=500", true },
    [SV_ASK_OFFLINE] = { "/api/v1/devices?status=offline&limit=500", true },
    [SV_ASK_REVOKED_ONLINE] = { "/api/v1/devices?standing=revoked&status=online&limit=500", true },
    [SV_ASK_RETIRED_ONLINE] = { "/api/v1/devices?standing=retired&status=online&limit=500", true },
    [SV_ASK_USERS] = { "/api/v1/users?limit=500", true },
    [SV_ASK_VERSIONS] = { "/api/v1/versions", false },
    [SV_ASK_IMAGES] = { "/api/v1/images?limit=100", true },
    [SV_ASK_TOKENS] = { "/api/v1/tokens?limit=500", true },
};

static sv_err next_page(sv_fleet_api *api, const char *path, sv_text cursor, sv_json **out,
                        sv_why *why) {
    char room[SV_FLEET_API_PATH_MAX];
    sv_textbuf page = SV_TEXTBUF(room);
    sv_textbuf_add_str(&page, path);
    if (cursor.len > 0) {
        sv_textbuf_add_str(&page, "&cursor=");
        sv_percent_add(&page, cursor);
    }
    SV_TRY(sv_textbuf_end(&page));
    return sv_fleet_api_get(api, room, out, why);
}

static sv_err ask(sv_fleet_api *api, sv_ask which, sv_fact_told *told, sv_why *why) {
    sv_text cursor = SV_TEXT("");
    do {
        sv_json *page = NULL;
        SV_TRY(next_page(api, ASKS[which].path, cursor, &page, why));
        told->pages[told->page_count++] = page;
        cursor = SV_TEXT("");
        if (ASKS[which].paged) {
            (void) sv_json_text(sv_json_get(page, "next"), &cursor);
        }
    } while (cursor.len > 0 && told->page_count < SV_FACT_PAGES_MAX);
    told->cut = cursor.len > 0;
    return SV_OK;
}

void sv_gather_told(sv_fleet_api *api, sv_facts *facts) {
    for (int i = 0; i < SV_ASK__COUNT; i++) {
        sv_fact_told *told = &facts->told[i];
        if (ask(api, (sv_ask) i, told, &told->missing) == SV_OK) {
            told->missing.text[0] = '\0';
        }
    }
    int64_t at_ms;
    if (sv_json_int(sv_json_get(facts->told[SV_ASK_OVERVIEW].pages[0], "at"), &at_ms)) {
        facts->clock.server_ahead_us = at_ms * 1000 - facts->at_us;
    }
}

void sv_gather_nothing_told(const sv_why *why, sv_facts *facts) {
    for (int i = 0; i < SV_ASK__COUNT; i++) {
        facts->told[i].missing = *why;
    }
}

void sv_facts_drop(sv_facts *facts) {
    for (int i = 0; i < SV_ASK__COUNT; i++) {
        for (size_t page = 0; page < facts->told[i].page_count; page++) {
            sv_json_drop(&facts->told[i].pages[page]);
        }
        facts->told[i].page_count = 0;
    }
    sv_json_drop(&facts->sbom);
    sv_json_drop(&facts->vex);
}
