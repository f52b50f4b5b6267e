# shellcheck shell=bash
# A site at which press-17 is updated from the server: sourced in the folder $work that holds a release engineer's repo and keys, which is $releases afterwards; $work is then the site's. Ports: $mqtt_port,
# $door_port, $operator_port; everything is ended and removed at the end.
releases=$work
# shellcheck source=tests/support/site.sh
source "$SV_SOURCE/tests/support/site.sh"
trap 'rm -rf "$releases"; close_all' EXIT
fleet_choose
door_port=$(free_port)
# shellcheck disable=SC2154 # fleet_choose has set it
site_open "door: {bind: 127.0.0.1, port: $door_port}"$'\n'"fleet: {$fleet_link, every: 100ms}"
issue press-17
fleet_open
[ -z "${fleet_more-}" ] || echo "$fleet_more" >>"$work/fleet.yaml"
signer_open
within 10 test -s "$work/director-root.json" || fail "the director has no root"
cd "$releases" || exit 1
# shellcheck disable=SC2034 # for who sources this
place=(--url "http://127.0.0.1:$operator_port" --token-file "$work/admin.token")
update upload --repo repo --keys keys "${place[@]}"

# tell_story PROGRAM: the story of tests/support, told to its end.
tell_story() { story "$1" "$work" "$mqtt_port" "$door_port" "$operator_port"; }
# story_open PROGRAM: runs beside as process $story; story_waits_for FILE: that it asks for; story_end: waits for its end.
story_open() {
  run story.log python3 -u "$SV_SOURCE/tests/support/$1" "$work" "$mqtt_port" "$door_port" "$operator_port"
  story=$ran
}
story_failed() {
  tail -n 40 story.log >&2
  fail "$(tail -n 1 story.log | sed 's/^FAILED: //')"
}
story_waits_for() {
  until [ -e "$1" ]; do
    kill -0 "$story" 2>/dev/null || story_failed
    sleep 0.05
  done
}
story_end() { wait "$story" || story_failed; }
