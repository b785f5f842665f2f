-- Stanzagate's helper module for Prosody 0.12 and 13.0: tokens with which the clients of users log in.
--
-- It makes them for no component but those that `stanzagate_component` names. Load it on the VirtualHost.
--     <iq type='set' from='COMPONENT' to='USER'><token xmlns='urn:stanzagate:helper:0' seconds='N'/></iq>
--     -> <token>…</token>
-- A client gives the token by SASL OAUTHBEARER (RFC 7628). Prosody's mod_tokenauth keeps the tokens, and forgets them
-- with the account.

local jid_split = require "util.jid".split;
local st = require "util.stanza";
local usermanager = require "core.usermanager";
local tokenauth = module:depends "tokenauth";
-- 13.0 keeps tokens in grants.
local grants = rawget(tokenauth, "create_grant") ~= nil;

local xmlns_helper = "urn:stanzagate:helper:0";

local components = module:get_option_set("stanzagate_component", {});
if components:empty() then
	module:log("error", "stanzagate_component is not set: nobody is answered");
	return;
end

-- A user's tokens that are good at once: a further one ends the oldest. They wait for all of them to be read and written.
local most_tokens = 20;
-- By this the tokens of this module are known.
local mark = "stanzagate";

-- Drops the expired and, where there is no room for one more, the oldest of those that are `ours`. True if there were any.
local function make_room(tokens, ours)
	local now, live, dropped = os.time(), {}, false;
	for key, token in pairs(tokens) do
		if ours(token) then
			if token.expires <= now then
				tokens[key], dropped = nil, true;
			else
				live[#live + 1] = { key = key, created = token.created };
			end
		end
	end
	table.sort(live, function (a, b) return a.created < b.created; end);
	for n = 1, #live - most_tokens + 1 do
		tokens[live[n].key], dropped = nil, true;
	end
	return dropped;
end

local make_token;
if grants then
	-- All tokens of a user are in one grant, which lasts until they change their password.
	local function all() return true; end
	function make_token(username, jid, seconds)
		local grant;
		for _, known in pairs(tokenauth.get_user_grants(username) or {}) do
			if known.data and known.data.by == mark then grant = known; end
		end
		grant = grant or tokenauth.create_grant(jid, jid, nil, { by = mark });
		if not grant then return; end
		make_room(grant.tokens, all);
		local role = usermanager.get_user_role(username, module.host);
		return (tokenauth.create_token(jid, grant, role and role.name, seconds, "oauth2"));
	end
else
	-- 0.12: the scope says whose token it is.
	local store = module:open_store("auth_tokens");
	local function ours(token) return token.session.auth_scope == mark; end
	function make_token(username, jid, seconds)
		local tokens = store:get(username) or {};
		if make_room(tokens, ours) then store:set(username, tokens); end
		return (tokenauth.create_jid_token(jid, jid, mark, seconds));
	end
end

local function accepted()
	local disabled = module:get_option_set("disable_sasl_mechanisms", {});
	local handler = usermanager.get_sasl_handler(module.host, { secure = true });
	return handler:mechanisms().OAUTHBEARER and not disabled:contains("OAUTHBEARER");
end

local function refuse(event, condition, text)
	event.origin.send(st.error_reply(event.stanza, "cancel", condition, text));
	return true;
end

module:hook("iq-set/bare/"..xmlns_helper..":token", function (event)
	local origin, stanza = event.origin, event.stanza;
	-- Its connection is looked at too: another component that may send from any address must not pass for it.
	local from = stanza.attr.from;
	if origin.type ~= "component" or origin.host ~= from or not components:contains(from) then return; end
	local username = jid_split(stanza.attr.to);
	local seconds = tonumber(stanza.tags[1].attr.seconds);
	if not usermanager.user_exists(username, module.host) then
		return refuse(event, "item-not-found");
	elseif not seconds or seconds < 1 then
		return refuse(event, "bad-request");
	elseif not accepted() then
		return refuse(event, "feature-not-implemented", "Nobody can log in with OAUTHBEARER on this host");
	end
	local token = make_token(username, username.."@"..module.host, seconds);
	if not token then
		return refuse(event, "internal-server-error");
	end
	origin.send(st.reply(stanza):text_tag("token", token, { xmlns = xmlns_helper }));
	return true;
end, 10);

-- 13.0 knows OAUTHBEARER (RFC 7628). On 0.12 it is added here, to the handler of each session that is about to log in:
-- with any other mechanism a handler does what it did.

if grants then return; end

-- Where a password may not be sent, a token may not either.
local in_the_clear = module:get_option_boolean("allow_unencrypted_plain_auth", false);

local function log_in(handler, message)
	if message == "\1" then
		return "failure", "not-authorized";
	end
	local authzid, fields = (message or ""):match("^n,([^,]*),(\1.*\1)\1$");
	local token = fields and fields:match("\1auth=[Bb]earer +([^\1 ]+)\1");
	if not token then
		return "failure", "malformed-request";
	end
	local info = tokenauth.get_token_info(token);
	local session = info and info.session;
	local known = session and session.auth_scope == mark and usermanager.user_exists(session.username, module.host);
	if not known or authzid ~= "" and authzid ~= "a="..info.jid:gsub("[=,]", { ["="] = "=3D", [","] = "=2C" }) then
		return "challenge", '{"status":"invalid_token"}';
	end
	handler.username = session.username;
	return "success";
end

local function with_tokens(handler)
	if not handler.profile or handler.mechs.OAUTHBEARER then return handler; end
	local process, clean_clone, mechanisms = handler.process, handler.clean_clone, { OAUTHBEARER = true };
	for name in pairs(handler.mechs) do mechanisms[name] = true; end
	handler.mechs = mechanisms;
	function handler:process(message)
		return (self.selected == "OAUTHBEARER" and log_in or process)(self, message);
	end
	function handler:clean_clone()
		return with_tokens(clean_clone(self));
	end
	return handler;
end

local changed = {};

local function change(event)
	local provider = event.item;
	local get_sasl_handler = provider.get_sasl_handler;
	changed[provider] = get_sasl_handler;
	function provider.get_sasl_handler(session)
		local handler = get_sasl_handler(session);
		local private = session and (session.secure or in_the_clear);
		return private and with_tokens(handler) or handler;
	end
end

local function change_back(event)
	local provider = event.item;
	provider.get_sasl_handler = changed[provider] or provider.get_sasl_handler;
	changed[provider] = nil;
end

module:handle_items("auth-provider", change, change_back);

function module.unload()
	for provider in pairs(changed) do change_back({ item = provider }); end
end
