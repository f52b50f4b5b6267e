// Firmware of a simulated machine: two slots in files, of which one is chosen at each start as a
// boot loader chooses (boot/pick.h), a real selvedge-updater in a process of its own, and a
// device's part between that and the fleet server (ddi/device.h). The image is a small JSON text
//
//   {"version":"1.1","fails_on":"press-03"}
//
// and a machine on which it fails never proves it. The updater runs while there is something for
// it to do: the machine listens on its socket, as systemd would.
#ifndef SELVEDGE_SIMULATE_FIRMWARE_H
#define SELVEDGE_SIMULATE_FIRMWARE_H

#include <base/err.h>
#include <boot/header.h>
#include <model/health.h>
#include <model/id.h>
#include <net/tls.h>
#include <sys/disk.h>
#include <sys/loop.h>

enum {
    SIM_FIRMWARE_MAX = 32, ///< machines of one process that have firmware; the others have none
    SIM_FIRMWARE_IMAGE_MAX = 4096, ///< bytes of an image
};

#define SIM_FIRMWARE_DEADLINE_US INT64_C(6000000) ///< for a release to prove itself

/// What is in the folder of the option --firmware, beside machines/.
#define SIM_FIRMWARE_IMAGE "factory.img"
#define SIM_FIRMWARE_HEADER "factory.header"
#define SIM_FIRMWARE_KEY "boot.pub"
#define SIM_FIRMWARE_ROOT "root.json"
#define SIM_FIRMWARE_DIRECTOR "director.json"
#define SIM_FIRMWARE_PRODUCT "machine"
#define SIM_FIRMWARE_HARDWARE "pilot"

/// What an image says of itself.
typedef struct sim_image {
    char version[SV_BOOT_NAME_ROOM];
    char fails_on[SV_ID_ROOM];
} sim_image;

/// SV_ERR_INVALID for what is no such image.
sv_err sim_image_read(sv_text text, sim_image *out, sv_why *why);

typedef struct sim_firmware sim_firmware;

typedef struct sim_firmware_setup {
    const char *folder; ///< of the option --firmware
    const char *door;   ///< https://host:port of the device door
    const char *id;     ///< of the machine
    const char *cert, *key;
    sv_tls *tls;
    /// A device with an agent of its own: slots, boot loader and updater alone; of the rest above
    /// only folder and id count.
    bool has_agent;
} sim_firmware_setup;

/// All NULL for one that has an agent.
typedef struct sim_firmware_events {
    bool (*is_connected)(void *arg);
    /// The machine goes down, to be started again in a moment; and it runs again.
    void (*down)(void *arg);
    void (*up)(void *arg);
} sim_firmware_events;

/// May firmware be started yet? The director's root is there.
bool sim_firmware_is_ready(const char *folder);
/// The machine starts: with its factory image, when it never did before. Texts are copied, `tls` is
/// borrowed.
sv_err sim_firmware_open(sv_loop *loop, const sim_firmware_setup *setup,
                         const sim_firmware_events *events, void *arg, sim_firmware **out,
                         sv_why *why);
/// Somebody says that there is something.
void sim_firmware_look(sim_firmware *firmware);
/// Version, slot and state of the boot; and what is wrong with the release, as an alert.
void sim_firmware_tell(const sim_firmware *firmware, sv_health *health);
/// The updater is ended.
void sim_firmware_drop(sim_firmware **firmware);

#endif
