#!/usr/bin/env bash
# People, from the first admin to the last who lost the way in: the link on the server's disk, an invitation, a password, roles
# and sites, API tokens, and `selvedge user recover` beside the running server. [people-3] [people-12] [people-15]
set -euo pipefail
. "$SV_SOURCE/tests/support/site.sh"
gateways="gw: north, gw-s: south"
fleet_choose
make_pki
fleet_open
cd "$work"
url=http://127.0.0.1:$operator_port
at=(--url "$url" --token-file admin.token)
# code JAR METHOD PATH [BODY]: as a browser with these cookies
code() { curl -s -o answer -w '%{http_code}' -b "$1" -c "$1" -X "$2" -H 'X-Selvedge: 1' ${4:+--data "$4"} "$url$3"; }
who() { code "$1" GET /api/v1/session >/dev/null; jq -r '"\(.user) \(.role) \(.sites // ["all"] | join(","))"' answer; }
use() { code "$1" POST /api/v1/session "{\"token\":\"${2##*#login=}\"}"; } # use JAR LINK

# Nobody is there: the link lies beside the database, for its owner alone.
within 10 test -s first-admin.link || fail "no link for the first admin"
[ "$(stat -c %a first-admin.link)" = 600 ] || fail "others can read the first link"
link=$(cat first-admin.link)
[[ $link == "$url/#login="* ]] || fail "the link leads elsewhere: ${link%%#*}"
grep -q "${link##*#login=}" fleet.log && fail "the link is in the log"
[ "$(use root "$link")" = 204 ] || fail "the first link is not taken: $(cat answer)"
[ "$(who root)" = "admin admin all" ] || fail "the first admin is $(who root)"
[ ! -e first-admin.link ] || fail "the first link is still there"
[ "$(use eve "$link")" = 401 ] || fail "the first link works twice"
[ "$(code root POST /api/v1/session/password '{"password":"the first admin of all"}')" = 204 ] || fail "no password is set"
[ "$(code other POST /api/v1/session '{"user":"admin","password":"the first admin of all"}')" = 204 ] || fail "no sign-in with it"

# Somebody is invited, for one site.
"$selvedge" user add ada --role operator --site north "${at[@]}" >shown 2>said
grep -q '^ada  *operator .*north$' shown || fail "what was added: $(cat shown)"
[ "$(use ada "$(grep -o 'http.*' said)")" = 204 ] || fail "the invitation is not taken"
[ "$(who ada)" = "ada operator north" ] || fail "ada is $(who ada)"
[ "$(code ada POST /api/v1/session/password '{"password":"ada has a password"}')" = 204 ] || fail "ada has no password"
[ "$(code ada GET /api/v1/users)" = 403 ] || fail "an operator sees users"
[ "$(code ada GET /api/v1/sites/south/rules)" = 404 ] || fail "a site is seen from outside"
[ "$(code ada GET /api/v1/sites/north/rules)" = 200 ] || fail "the own site is not seen"
[ "$("$selvedge" user list "${at[@]}" --output json | jq -r '.[].name' | paste -sd,)" = ada,admin ] || fail "the list of users"
"$selvedge" user sessions ada "${at[@]}" >shown
grep -q 127.0.0.1 shown || fail "no session of ada: $(cat shown)"
"$selvedge" user sessions ada --end-all "${at[@]}"
[ "$(code ada GET /api/v1/session)" = 401 ] || fail "an ended session counts"

# A token: once, 0600, for what it is for, and gone when it is taken away.
"$selvedge" token add grafana --scope read --days 30 --out grafana.token "${at[@]}"
[ "$(stat -c %a grafana.token)" = 600 ] || fail "others can read the token"
status=0
"$selvedge" token add lost --scope read --out no/such/folder "${at[@]}" 2>said || status=$?
[ $status = 2 ] || fail "a token for a file that cannot be: $status"
"$selvedge" token list "${at[@]}" | grep '^lost ' && fail "a token that nobody was shown"
reads=(--url "$url" --token-file grafana.token)
"$selvedge" device list "${reads[@]}" --output json >/dev/null || fail "the token does not read"
status=0
"$selvedge" user list "${reads[@]}" 2>said || status=$?
{ [ $status = 4 ] && grep -q 'needs the role admin; the API token grafana is viewer' said; } || fail "a reading token sees users: $status"
"$selvedge" token list "${at[@]}" | grep -q '^grafana .*read$' || fail "the token is not listed"
"$selvedge" token remove grafana "${at[@]}"
status=0
"$selvedge" device list "${reads[@]}" 2>/dev/null || status=$?
[ $status = 4 ] || fail "a removed token counts: $status"

# The last admin stays, whatever is asked.
for verb in "remove admin" "disable admin" "role admin viewer"; do
  status=0
  # shellcheck disable=SC2086
  "$selvedge" user $verb "${at[@]}" 2>said || status=$?
  { [ $status = 1 ] && grep -q 'the last admin who can sign in' said; } || fail "user $verb: $status $(cat said)"
done

# Everybody is locked out; on the console nobody is. The server runs meanwhile.
status=0
"$selvedge" user recover --db fleet.db nobody 2>said || status=$?
{ [ $status = 2 ] && grep -q "there is no user 'nobody'; there are: admin, ada" said; } || fail "recovering nobody: $status $(cat said)"
back=$("$selvedge" user recover --db fleet.db admin 2>/dev/null)
[ "$(use back "$back")" = 204 ] || fail "the recovery link is not taken: $(cat answer)"
[ "$(code other GET /api/v1/session)" = 401 ] || fail "sessions of before count after a recovery"
[ "$(code back GET /api/v1/session)" = 200 ] || fail "who was recovered is not in"
jq -e '.password == false' answer >/dev/null || fail "the password of before is still there"
"$selvedge" user disable ada "${at[@]}" >/dev/null
(umask 077; echo "ada has another one" >ada.password)
"$selvedge" user recover --db fleet.db ada --password-file ada.password 2>/dev/null
[ "$(code ada POST /api/v1/session '{"user":"ada","password":"ada has another one"}')" = 204 ] || fail "the recovered password does not count"
status=0
"$selvedge" user recover --db fleet.db ada --password </dev/null 2>said || status=$?
{ [ $status = 2 ] && grep -q 'no terminal' said; } || fail "a password without a terminal: $status"
recovered() { [ "$("$selvedge" audit list --what user.recover "${at[@]}" --output json | jq 'map(select(.who == "console")) | length')" -ge 1 ]; }
within 70 recovered || fail "no line of the recovery"
[ "$(sqlite3 -readonly fleet.db 'PRAGMA integrity_check')" = ok ] || fail "the database is damaged"
if grep -rqE 'the first admin of all|ada has (a password|another one)' fleet.log fleet.db; then fail "a password is written somewhere"; fi
