#include "lookup.h"

#include <arpa/inet.h>
#include <base/mem.h>
#include <base/text.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { HOST_ROOM = 256, PORT_ROOM = 8 };

/// What libevent's callback is given: it comes also when nobody waits any more.
typedef struct pending {
    lookup *question; ///< NULL: dropped
    struct evdns_getaddrinfo_request *request;
} pending;

struct lookup {
    sv_loop *loop;
    struct evdns_base *names; ///< NULL when the host needs no resolving
    pending *pending;         ///< NULL when no answer is awaited
    sv_timer *tell;
    lookup_done *done;
    void *arg;
    char host[HOST_ROOM];
    int fault;
    struct sockaddr_storage found;
    socklen_t found_len; ///< 0: nothing
};

bool host_is_numeric(const char *host) {
    struct in6_addr address;
    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

const char *host_known(const char *host) {
    return strcasecmp(host, "localhost") == 0 ? "127.0.0.1" : host;
}

static void tell(void *arg) {
    lookup *l = arg;
    sv_why why;
    if (l->found_len > 0) {
        l->done(l->arg, (const struct sockaddr *) &l->found, l->found_len, NULL);
        return;
    }
    (void) sv_fail(&why, SV_ERR_UNAVAILABLE, "cannot resolve '%s': %s", l->host,
                   evutil_gai_strerror(l->fault != 0 ? l->fault : EVUTIL_EAI_NONAME));
    l->done(l->arg, NULL, 0, &why);
}

static void keep(lookup *l, int fault, const struct evutil_addrinfo *answer) {
    l->fault = fault;
    if (answer != NULL && answer->ai_addrlen <= sizeof l->found) {
        memcpy(&l->found, answer->ai_addr, answer->ai_addrlen);
        l->found_len = answer->ai_addrlen;
    }
    sv_timer_once(l->tell, 0);
}

static void answered(int fault, struct evutil_addrinfo *answer, void *arg) {
    pending *p = arg;
    if (p->question != NULL) {
        p->question->pending = NULL;
        keep(p->question, fault, answer);
    }
    free(p);
    if (answer != NULL) {
        evutil_freeaddrinfo(answer);
    }
}

static void take_numeric(lookup *l, const char *host, const char *port,
                         struct evutil_addrinfo *want) {
    struct evutil_addrinfo *answer = NULL;
    want->ai_flags = EVUTIL_AI_NUMERICHOST;
    int fault = evutil_getaddrinfo(host, port, want, &answer);
    keep(l, fault, answer);
    if (answer != NULL) {
        evutil_freeaddrinfo(answer);
    }
}

static sv_err ask(lookup *l, const char *host, const char *port, const struct evutil_addrinfo *want,
                  sv_why *why) {
    l->names = evdns_base_new(sv_loop_base(l->loop),
                              EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (l->names == NULL) {
        return sv_fail(why, SV_ERR_UNAVAILABLE, "cannot resolve '%s': no name server is known",
                       l->host);
    }
    pending *p = sv_mem_new(sizeof *p);
    p->question = l;
    l->pending = p;
    struct evdns_getaddrinfo_request *request =
        evdns_getaddrinfo(l->names, host, port, want, answered, p);
    if (request != NULL) { // else it has been answered, and `p` is gone
        p->request = request;
    }
    return SV_OK;
}

sv_err lookup_start(sv_loop *loop, const char *host, uint16_t port, lookup_done *done, void *arg,
                    lookup **out, sv_why *why) {
    char port_text[PORT_ROOM];
    struct evutil_addrinfo want = { .ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_protocol = IPPROTO_TCP };
    SV_DEFER(lookup_drop) lookup *l = sv_mem_new(sizeof *l);
    *l = (lookup){ .loop = loop, .done = done, .arg = arg };
    if (sv_text_copy(sv_text_of(host), l->host, sizeof l->host) != SV_OK) {
        return sv_fail(why, SV_ERR_INVALID, "host name of more than %d characters", HOST_ROOM - 1);
    }
    l->tell = sv_timer_new(loop, tell, l);
    (void) snprintf(port_text, sizeof port_text, "%u", port);
    const char *known = host_known(host);
    if (host_is_numeric(known)) {
        take_numeric(l, known, port_text, &want);
    } else {
        SV_TRY(ask(l, known, port_text, &want, why));
    }
    *out = l;
    l = NULL;
    return SV_OK;
}

static void free_names(evutil_socket_t fd, short what, void *names) {
    (void) fd;
    (void) what;
    evdns_base_free(names, 1);
}

/// The resolver hears of a cancelled question in the loop's next round; it must live so long.
static void drop_names(const lookup *l) {
    struct timeval soon = { 0 };
    if (event_base_once(sv_loop_base(l->loop), -1, EV_TIMEOUT, free_names, l->names, &soon) != 0) {
        evdns_base_free(l->names, 1);
    }
}

void lookup_drop(lookup **question) {
    lookup *gone = *question;
    if (gone == NULL) {
        return;
    }
    *question = NULL;
    sv_timer_drop(&gone->tell);
    if (gone->pending != NULL) {
        gone->pending->question = NULL;
        evdns_getaddrinfo_cancel(gone->pending->request);
    }
    if (gone->names != NULL) {
        drop_names(gone);
    }
    free(gone);
}
