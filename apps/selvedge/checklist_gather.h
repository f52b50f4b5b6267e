// Looks at a deployment and writes down what it sees (checklist_facts.h): running programs in
// /proc, their configurations, files, certificates, what the fleet server says. Reads alone; what
// it may not read becomes a reason, never a fault of its own.
#ifndef SELVEDGE_CHECKLIST_GATHER_H
#define SELVEDGE_CHECKLIST_GATHER_H

#include "checklist_facts.h"
#include "fleet_api.h"
#include <codec/config.h>

/// The programs that `description` (a pilot.json) lists, or, NULL, all on this machine whose file
/// is called selvedge-fleet, -gateway, -agent or -signer. `proc` is "/proc", but for tests.
void sv_gather_programs(const char *proc, const sv_json *description, sv_facts *facts);

/// What one running program's configuration names.
void sv_gather_settings(const char *proc, sv_fact_program *program, sv_facts *facts);
/// The same of a configuration that was read; relative paths begin at `folder`.
void sv_gather_config(const sv_config_node *root, const char *folder, sv_fact_program *program,
                      sv_facts *facts);

/// A file that has to be kept from others; once, however often it is named.
void sv_gather_file(sv_file_kind kind, const char *path, const char *of, int64_t program,
                    sv_facts *facts);
/// Every certificate of a PEM file; the first is shown by `of`, and `ca` (may be NULL) should vouch
/// for it.
void sv_gather_certs(const char *path, const char *of, const char *ca, bool in_use,
                     sv_facts *facts);
/// The PKI's folder: its keys, what it issued, where the root's key is.
void sv_gather_pki(const char *dir, sv_facts *facts);

/// Whatever a program listens on over TCP, by its descriptors and the kernel's tables.
void sv_gather_doors(const char *proc, const sv_fact_program *program, sv_facts *facts);
/// Which of the program's documented doors it is.
void sv_gather_door_kind(const sv_fact_program *program, sv_fact_door *door);
/// Knocks at each door; the process must ignore SIGPIPE.
void sv_gather_answers(sv_facts *facts);
/// Which headers the page of an answer lacks.
void sv_gather_headers(const char *answer, char lack[160]);

/// Every database that was found among the files.
void sv_gather_databases(sv_facts *facts);
void sv_gather_database(const char *path, const char *of, sv_fact_database *out);

/// Ask the fleet server everything; or, where it cannot be asked, why.
void sv_gather_told(sv_fleet_api *api, sv_facts *facts);
void sv_gather_nothing_told(const sv_why *why, sv_facts *facts);

/// The SBOM and what is known against it (NULL: those beside the programs).
void sv_gather_release(const char *sbom, const char *vex, sv_facts *facts);
/// What is in the memory of the programs; and which version of it is installed, as far as the SBOM
/// says of which package it is (`status` is dpkg's).
void sv_gather_libraries(const char *proc, sv_facts *facts);
void sv_gather_versions(const char *status, sv_facts *facts);
/// Is the token in this file a long random one?
void sv_gather_token(const char *path, sv_facts *facts);
/// A link beside the fleet server's database that makes the first administrator.
void sv_gather_first_link(const char *database, sv_facts *facts);
/// An event log, with the authority whose signature counts; and that of this machine.
void sv_gather_audit(const char *path, const char *ca, sv_fact_audit *out);
void sv_gather_records(sv_facts *facts);
/// Whom a security.txt names, and until when.
void sv_gather_contact(const char *answer, sv_fact_door *door);

#endif
