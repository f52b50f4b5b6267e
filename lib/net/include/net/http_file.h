// A file, or a range of it, as the answer to a request (RFC 9110): read piece by piece while the
// other side takes it, so that neither the file's size nor a slow reader costs memory.
#ifndef SV_NET_HTTP_FILE_H
#define SV_NET_HTTP_FILE_H

#include <net/http_server.h>

enum { SV_HTTP_PIECE_BYTES = 256 * 1024 }; ///< of each answer no more lies in memory

typedef struct sv_http_file {
    int fd;                   ///< of a plain file; taken over, whatever becomes of the request
    uint64_t length;          ///< of the whole
    const char *etag;         ///< strong, with its quotes; NULL: it has none
    const char *content_type; ///< NULL: application/octet-stream
    /// Told of its bytes with each piece that goes out, so that little is lost when the program
    /// ends by force; NULL: nobody is.
    void (*sent)(void *arg, int64_t number, uint64_t bytes);
    void *arg;
    int64_t number;
} sv_http_file;

/// Answers a GET or HEAD with all of it (200), the range that was asked for (206; of several the
/// whole), that it is what the asker has already (304), or that it has no such range (416).
/// `If-Range` counts when it is the ETag.
void sv_http_reply_file(sv_http_request *request, const sv_http_file *file);

#endif
