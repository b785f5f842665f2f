-- Stanzagate's helper module for Prosody 0.12 and 13.0: what a component may ask of no packaged module.
--
-- It answers no component but those that `stanzagate_component` names, one or a list. Load it on the VirtualHost, on the MUC
-- component and on the pubsub component.

local jid_split = require "util.jid".split;
local st = require "util.stanza";
local user_exists = require "core.usermanager".user_exists;

local xmlns_mam = "urn:xmpp:mam:2";
local xmlns_helper = "urn:stanzagate:helper:0";
local xmlns_info = "http://jabber.org/protocol/disco#info";
local xmlns_items = "http://jabber.org/protocol/disco#items";

local components = module:get_option_set("stanzagate_component", {});
if components:empty() then
	module:log("error", "stanzagate_component is not set: nobody is answered");
	return;
end

-- True for what one of the components itself sent. Its connection is looked at too: another component that may send from
-- any address must not pass for it.
local function asked_by_component(event)
	local origin, from = event.origin, event.stanza.attr.from;
	return origin.type == "component" and origin.host == from and components:contains(from);
end

local function refuse(event, condition, text)
	event.origin.send(st.error_reply(event.stanza, "cancel", condition, text));
	return true;
end

-- On a pubsub component: the names and descriptions of the nodes, which hold addresses of users, are not for everybody.
-- 0.12 tells them to anybody who asks.

if module:get_option_string("component_module") == "pubsub" then
	local function keep(event)
		local query = event.stanza.tags[1];
		if asked_by_component(event) or (query.attr.xmlns == xmlns_info and not query.attr.node) then
			return;
		end
		return refuse(event, "forbidden");
	end
	module:hook("iq-get/host/"..xmlns_items..":query", keep, 100);
	module:hook("iq-get/host/"..xmlns_info..":query", keep, 100);
	return;
end

-- On a MUC component: emptying the archive of a room.
--     <iq type='set' from='COMPONENT' to='ROOM'><purge xmlns='urn:stanzagate:helper:0'/></iq>

if module:get_host_type() == "component" then
	local get_room_from_jid = module:depends "muc".get_room_from_jid;
	-- The store of mod_muc_mam.
	local archive = module:open_store("muc_log", "archive");

	module:hook("iq-set/bare/"..xmlns_helper..":purge", function (event)
		if not asked_by_component(event) then return; end
		local room = get_room_from_jid(event.stanza.attr.to);
		if not room then
			return refuse(event, "item-not-found");
		elseif not archive or not archive.delete then
			return refuse(event, "feature-not-implemented", "The storage of the room archives cannot delete");
		end
		local ok, err = archive:delete((jid_split(room.jid)));
		if not ok then
			module:log("error", "The archive of %s was not emptied: %s", room.jid, err);
			return refuse(event, "internal-server-error");
		end
		-- What a room shows to those who enter is kept apart.
		room._history = nil;
		event.origin.send(st.reply(event.stanza));
		return true;
	end);

	-- On a MUC component: affiliations of many at once. A room does with each what it does with a request of its own,
	-- but is written to the disk once.
	--     <iq type='set' from='COMPONENT' to='ROOM'><affiliations xmlns='urn:stanzagate:helper:0'>
	--       <item jid='…' affiliation='…' nick='…'/>…</affiliations></iq>
	--     -> <affiliations><item jid='…' condition='ERROR'/>…</affiliations>    no `condition` for what was done

	local function set_each(room, component, items, reply)
		for n, item in ipairs(items) do
			local condition;
			local request = st.iq({ type = "set", id = tostring(n), from = component, to = room.jid })
				:tag("query", { xmlns = "http://jabber.org/protocol/muc#admin" })
				:tag("item", { jid = item.attr.jid, affiliation = item.attr.affiliation, nick = item.attr.nick }):reset();
			local asker = { send = function (answer)
				if answer.attr.type == "error" then
					local _, reason = answer:get_error();
					condition = reason or "undefined-condition";
				end
			end };
			room:handle_admin_query_set_command(asker, request);
			reply:tag("item", { jid = item.attr.jid, condition = condition }):up();
		end
	end

	module:hook("iq-set/bare/"..xmlns_helper..":affiliations", function (event)
		if not asked_by_component(event) then return; end
		local room = get_room_from_jid(event.stanza.attr.to);
		if not room then
			return refuse(event, "item-not-found");
		end
		local reply = st.reply(event.stanza):tag("affiliations", { xmlns = xmlns_helper });
		local save = rawget(room, "save");
		room.save = function () return true; end
		local ok, err = pcall(set_each, room, event.stanza.attr.from, event.stanza.tags[1].tags, reply);
		room.save = save;
		room:save(true);
		if not ok then
			module:log("error", "The affiliations in %s were not all set: %s", room.jid, err);
			return refuse(event, "internal-server-error");
		end
		event.origin.send(reply);
		return true;
	end);

	-- On a MUC component: pictures of rooms, which 13.0 keeps by itself and 0.12 by mod_vcard_muc. Both fail whenever they
	-- look at one that is no base64, and from then on nobody can ask about the room or enter it; 13.0 goes on telling the
	-- first picture's hash when there is another; and neither forgets the picture of a room that is destroyed.
	-- mod_vcard_muc reads the whole vCard anew for everybody who asks about the room or enters it: a picture of 100 kB
	-- costs 10 ms, very many elements more.

	local decode = require "util.encodings".base64.decode;
	local pictures = module:open_store("vcard_muc");
	-- Of base64, and of all else in the vCard.
	local picture_bytes, other_bytes = 100000, 5000;

	module:hook("iq/bare/vcard-temp:vCard", function (event)
		if event.stanza.attr.type ~= "set" then return; end
		local card = event.stanza.tags[1];
		local photo = card:get_child("PHOTO");
		-- Nil too where there are elements in it.
		local picture = not photo and "" or photo:get_child_text("BINVAL");
		if not (picture and decode(picture)) then
			return refuse(event, "not-acceptable", "The picture of a room must be in its vCard, as base64");
		elseif not prosody.hosts[module.host].modules.vcard_muc then
			return;
		elseif #picture > picture_bytes or #tostring(card) - #picture > other_bytes then
			return refuse(event, "policy-violation", "The vCard of a room is small, and so is its picture");
		end
	end, 100);

	module:hook("vcard-updated", function (event)
		local room = get_room_from_jid(event.stanza.attr.to);
		if room then room.avatar_hash = nil; end
	end, 100);

	module:hook("muc-room-destroyed", function (event)
		local name = jid_split(event.room.jid);
		if pictures:get(name) then pictures:set(name, nil); end
	end);

	return;
end

-- On a VirtualHost: the archive of any account, as its owner reads it (XEP-0313).
--     <iq type='set' from='COMPONENT' to='USER'><query xmlns='urn:xmpp:mam:2' ...>...</query></iq>
-- mod_mam answers the session that asks, so it is given one that leads to the component.

module:hook("iq-set/bare/"..xmlns_mam..":query", function (event)
	if not asked_by_component(event) then return; end
	local username, host = jid_split(event.stanza.attr.to);
	if not user_exists(username, host) then
		return refuse(event, "item-not-found");
	end
	local origin = event.origin;
	local owner = {
		type = "c2s";
		username = username;
		host = host;
		log = module._log;
		send = function (stanza) return origin.send(stanza); end;
	};
	local answered = module:fire_event("iq-set/self/"..xmlns_mam..":query", { origin = owner; stanza = event.stanza });
	return answered or refuse(event, "feature-not-implemented", "There is no mod_mam on this host");
end, 10);

-- On a VirtualHost: its accounts. No packaged module lets a component list them.
--     <iq type='get' to='HOST'><accounts xmlns='urn:stanzagate:helper:0' after='NAME'/></iq>
--     -> <accounts more='true'><account name='…'/>…</accounts>       sorted, at most one page, those behind NAME

local users = require "core.usermanager".users;
local page_names, page_bytes = 5000, 250000;
-- The names as they were read for the first page, until the last one is asked for: each reading goes through the whole
-- storage, and everybody waits for it.
local listed, listed_at, timed;
local listed_seconds = 60;

-- As a timer: a list of which nobody asks the rest any more.
local function let_go()
	if listed and os.time() - listed_at <= listed_seconds then return listed_seconds; end
	listed, timed = nil, nil;
end

local function names_behind(after)
	if not after or not listed or os.time() - listed_at > listed_seconds then
		listed, listed_at = {}, os.time();
		for name in users(module.host) do listed[#listed + 1] = name; end
		table.sort(listed);
	end
	-- The first name behind `after`.
	local low, high = 1, #listed + 1;
	while after and low < high do
		local middle = math.floor((low + high) / 2);
		if listed[middle] > after then high = middle; else low = middle + 1; end
	end
	return listed, low;
end

module:hook("iq-get/host/"..xmlns_helper..":accounts", function (event)
	if not asked_by_component(event) then return; end
	local names, first = names_behind(event.stanza.tags[1].attr.after);
	local reply, bytes, last = st.reply(event.stanza):tag("accounts", { xmlns = xmlns_helper }), 0, #names;
	for n = first, #names do
		bytes = bytes + #names[n] + 20;
		if n - first >= page_names or bytes > page_bytes then
			last = n - 1;
			break;
		end
		reply:tag("account", { name = names[n] }):up();
	end
	if last < #names then
		reply.tags[1].attr.more = "true";
		timed = timed or module:add_timer(listed_seconds + 1, let_go);
	else
		listed = nil;
	end
	event.origin.send(reply);
	return true;
end);

-- On a VirtualHost: when accounts were last online, as far as this module was there to see it.
--     <iq type='get' to='HOST'><last xmlns='urn:stanzagate:helper:0'><account name='…'/>…</last></iq>
--     -> <last><account name='…' at='SECONDS SINCE 1970'/>…</last>   no `at` for one who was never seen

local sessions = prosody.hosts[module.host].sessions;
local seen = module:open_store("stanzagate_seen");

local function note(event)
	local username = event.session and event.session.username;
	if username then seen:set(username, { at = os.time() }); end
end
module:hook("resource-bind", note);
module:hook("resource-unbind", note);

module:hook("iq-get/host/"..xmlns_helper..":last", function (event)
	if not asked_by_component(event) then return; end
	local reply = st.reply(event.stanza):tag("last", { xmlns = xmlns_helper });
	for _, account in ipairs(event.stanza.tags[1].tags) do
		local name = account.attr.name or "";
		local known = name ~= "" and not sessions[name] and seen:get(name);
		local at = sessions[name] and os.time() or known and known.at;
		reply:tag("account", { name = name, at = at and string.format("%d", at) }):up();
	end
	event.origin.send(reply);
	return true;
end);

-- On a VirtualHost: who has an account, and which sessions, for many at once.
--     <iq type='get' to='HOST'><online xmlns='urn:stanzagate:helper:0'><account name='…'/>…</online></iq>
--     -> <online><account name='…' exists='true'><resource>…</resource>…</account>…</online>

module:hook("iq-get/host/"..xmlns_helper..":online", function (event)
	if not asked_by_component(event) then return; end
	local reply = st.reply(event.stanza):tag("online", { xmlns = xmlns_helper });
	for _, account in ipairs(event.stanza.tags[1].tags) do
		local name = account.attr.name or "";
		local exists = name ~= "" and user_exists(name, module.host);
		reply:tag("account", { name = name, exists = exists and "true" or nil });
		local user = exists and sessions[name];
		for resource in pairs(user and user.sessions or {}) do
			reply:text_tag("resource", resource);
		end
		reply:up();
	end
	event.origin.send(reply);
	return true;
end);

-- Prosody keeps the contact list of a deleted account in its cache, where a new one of that name would find it.
module:hook_global("user-deleted", function (event)
	local cache = event.host == module.host and prosody.hosts[module.host].roster_cache;
	if cache then cache:set(event.username.."@"..event.host, nil); end
end, -100);
