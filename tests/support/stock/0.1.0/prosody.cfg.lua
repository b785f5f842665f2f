-- Prosody behind Stanzagate. One file for Prosody 0.12 (Debian 12) and 13.0 (Debian 13).
--
-- It is a whole configuration, ready for a new server. For a server that already runs, copy the lines marked [gateway]
-- into its prosody.cfg.lua; everything else here is what any chat server has. Replace example.org throughout.
--
-- Packages: prosody and prosody-modules (mod_privilege, mod_firewall).

-- All that differs between installations. `stanzagate dev` and the container images set the environment variables and
-- change nothing else; without them the values on the right hold.
local component_interface = ENV_STANZAGATE_COMPONENT_INTERFACE or "127.0.0.1"
local component_port      = ENV_STANZAGATE_COMPONENT_PORT      or "5347"
local component_secret_   = ENV_STANZAGATE_COMPONENT_SECRET    or "change-me"
local client_interface    = ENV_STANZAGATE_CLIENT_INTERFACE    or "*"
local client_port         = ENV_STANZAGATE_CLIENT_PORT         or "5222"
local client_tls          = ENV_STANZAGATE_CLIENT_TLS          ~= "no"

interfaces = { client_interface }
c2s_ports = { client_port }
c2s_require_encryption = client_tls
allow_unencrypted_plain_auth = not client_tls
s2s_ports = { }
c2s_direct_tls_ports = { }
http_ports = { }
https_ports = { }

-- [gateway] The component connection (XEP-0114). It is not encrypted: keep it on loopback or a private network.
component_interfaces = { component_interface }
component_ports = { component_port }
-- [gateway] When the gateway comes back before Prosody has noticed that the old connection is dead, the new one wins.
component_conflict_resolve = "kick_old"
-- [gateway] Over it Prosody closes the connection; the gateway stays far below.
component_stanza_size_limit = 512*1024

modules_enabled = {
	"roster"; "saslauth"; "tls"; "disco"; "carbons"; "pep"; "private"; "blocklist"; "vcard4"; "vcard_legacy";
	"bookmarks"; "ping"; "time"; "version"; "uptime"; "lastactivity"; "smacks"; "csi_simple"; "offline"; "mam";
	-- [gateway] The ad-hoc command user-stats: the one way to ask whether an account exists.
	"admin_adhoc";
	-- [gateway] See privileged_entities.
	"privilege";
}
modules_disabled = { "s2s" }

authentication = "internal_hashed"

-- [gateway] Internal storage cuts an archive to 10000 items and becomes slow at that point, unless told otherwise.
-- A large server keeps its archives in SQL (PostgreSQL; on 13.0 also SQLite with lua-lsqlite3 and sqlite_tune).
storage = "internal"
storage_archive_item_limit = 10000000
default_archive_policy = true
archive_expires_after = "never"
max_archive_query_results = 250

-- [gateway] What the gateway may do in the name of a user, beyond sending from his address.
privileged_entities = {
	["gw.example.org"] = {
		-- Widens: the sender of a message gets his own copy, in his archive and on his devices.
		message = "outgoing";
		iq = {
			-- Widens: it reads and writes the user's PEP nodes. It uses this for bookmarks (XEP-0402) and nothing else;
			-- mod_privilege cannot be told a single node.
			["http://jabber.org/protocol/pubsub"] = "both";
		};
	};
}

VirtualHost "example.org"
	-- [gateway] Widens: admin of this host, for user-stats. An admin of one host cannot load modules or stop the server
	-- (on 13.0); that is why the line is not global.
	admins = { "gw.example.org" }
	-- [gateway] A user in whose name the gateway speaks in a room is there as user@example.org/gw-N. No client has that
	-- resource, so without this rule what the room sends there bounces, and the room throws the user out.
	modules_enabled = { "firewall" }
	firewall_scripts = { "stanzagate.pfw" }
	disco_items = { { "conference.example.org", "Rooms" } }

Component "conference.example.org" "muc"
	name = "Rooms"
	-- [gateway] The archive is what tells the gateway that a message arrived.
	modules_enabled = { "muc_mam" }
	muc_log_by_default = true
	muc_log_expires_after = "never"
	-- [gateway] Widens: the gateway is owner of every room. It creates, configures and destroys rooms, reads and sets
	-- their members, and reads their archives.
	admins = { "gw.example.org" }
	component_admins_as_room_owners = true
	-- Clients may make rooms of their own. The gateway looks whether a room exists before it sends to it, so this need
	-- not be true for its sake.
	restrict_room_creation = false
	-- [gateway] A destroyed room's name can be used again.
	muc_tombstones = false
	max_history_messages = 50

-- [gateway] The gateway itself.
Component "gw.example.org"
	component_secret = component_secret_
	modules_enabled = { "privilege" }
	-- Widens: the gateway may send as any user of this server, which is its whole purpose; it lets callers speak only
	-- as users of the domains that its own configuration names.
	validate_from_addresses = false
