// Images at the operator door: what there is, uploads, publication, content keys
// (docs/spec/images.md).
#ifndef SV_FLEET_IMAGES_DOOR_H
#define SV_FLEET_IMAGES_DOOR_H

#include "visit.h"

enum { SV_IMAGES_LISTED = 500, SV_IMAGES_LISTED_MAX = 1000 };

void sv_images_door_list(sv_visit *v);
void sv_images_door_metadata_state(sv_visit *v);
void sv_images_door_metadata_put(sv_visit *v);
void sv_images_door_artifact_state(sv_visit *v);
void sv_images_door_artifact_put(sv_visit *v);
void sv_images_door_publish(sv_visit *v);
void sv_images_door_file(sv_visit *v);
void sv_images_door_remove(sv_visit *v);
void sv_images_door_key(sv_visit *v);
/// The root that devices trust the director by.
void sv_images_door_director(sv_visit *v);

#endif
