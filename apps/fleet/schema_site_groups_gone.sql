-- Who is told for a while that it is in no group any more, by when that was: what is to be forgotten is found without the others. [members-5]
CREATE INDEX site_member_gone ON site_member (revision) WHERE names = '';
