-- Stanzagate's helper module for Prosody 0.12 and 13.0: what a component may ask of no packaged module.
--
-- It answers one component only, the one that `stanzagate_component` names.

-- The accounts of a host. No packaged module lets a component list them.
--
--   <iq type='get' to='example.org'><accounts xmlns='urn:stanzagate:helper:0' after='NAME'/></iq>
--   -> <accounts more='true'><account name='…'/>…</accounts>       sorted, at most one page, those behind NAME
--   <iq type='get' to='example.org'><last xmlns='urn:stanzagate:helper:0'><account name='…'/>…</last></iq>
--   -> <last><account name='…' at='SECONDS SINCE 1970'/>…</last>   no `at` for one who was never seen
if module:get_host_type() == "local" then
	local st = require "util.stanza";
	local usermanager = require "core.usermanager";

	local xmlns = "urn:stanzagate:helper:0";
	local component = module:get_option_string("stanzagate_component");
	local page_names, page_bytes = 5000, 250000;
	local sessions = prosody.hosts[module.host].sessions;
	local seen = module:open_store("stanzagate_seen");

	local function note(event)
		local username = event.session and event.session.username;
		if username then seen:set(username, { at = os.time() }); end
	end
	module:hook("resource-bind", note);
	module:hook("resource-unbind", note);

	-- Prosody keeps the contact list of a deleted account in its cache, where a new one of that name would find it.
	module:hook_global("user-deleted", function(event)
		local cache = event.host == module.host and prosody.hosts[module.host].roster_cache;
		if cache then cache:set(event.username .. "@" .. event.host, nil); end
	end, -100);

	local function refused(event)
		if component and event.stanza.attr.from == component then return false; end
		event.origin.send(st.error_reply(event.stanza, "auth", "forbidden"));
		return true;
	end

	module:hook("iq-get/host/" .. xmlns .. ":accounts", function(event)
		if refused(event) then return true; end
		local after = event.stanza.tags[1].attr.after;
		local names = {};
		for name in usermanager.users(module.host) do
			if not after or name > after then names[#names + 1] = name; end
		end
		table.sort(names);
		local reply, bytes, last = st.reply(event.stanza):tag("accounts", { xmlns = xmlns }), 0, 0;
		for n, name in ipairs(names) do
			bytes = bytes + #name + 20;
			if n > page_names or bytes > page_bytes then break; end
			reply:tag("account", { name = name }):up();
			last = n;
		end
		if last < #names then reply.tags[1].attr.more = "true"; end
		event.origin.send(reply);
		return true;
	end);

	module:hook("iq-get/host/" .. xmlns .. ":last", function(event)
		if refused(event) then return true; end
		local reply = st.reply(event.stanza):tag("last", { xmlns = xmlns });
		for _, account in ipairs(event.stanza.tags[1].tags) do
			local name = account.attr.name or "";
			local known = name ~= "" and not sessions[name] and seen:get(name);
			local at = sessions[name] and os.time() or known and known.at;
			reply:tag("account", { name = name, at = at and string.format("%d", at) }):up();
		end
		event.origin.send(reply);
		return true;
	end);
end
