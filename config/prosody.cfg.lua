-- Prosody behind Stanzagate. One file for Prosody 0.12 (Debian 12), 13.0.1 (Debian 13) and 13.0.6 (its backports).
--
-- It is a whole configuration, ready for a new server. For a server that already runs, `stanzagate setup prosody`
-- puts the gateway's part beside its files; by hand, copy the lines marked [gateway] into its prosody.cfg.lua. Everything
-- else here is what any chat server has. Replace example.org throughout.
--
-- Several gateways at once: each has a name of its own. The lines marked [gw2], here and in stanzagate.pfw, let in a second
-- one, gw2.example.org: take the marks away. A third needs the same lines with its name. Each gateway names the others in
-- component.siblings. A further name of one gateway (component.extra_links) needs its Component section only.
--
-- Packages: prosody and prosody-modules (mod_privilege, mod_firewall, mod_vcard_muc). Beside this file belong
-- stanzagate.pfw, mod_stanzagate.lua and mod_stanzagate_tokens.lua, the gateway's helper modules.

-- All that differs between installations. `stanzagate dev` and the container images set the environment variables and
-- change nothing else; without them the values on the right hold.
local component_interface = ENV_STANZAGATE_COMPONENT_INTERFACE or "127.0.0.1"
local component_port      = ENV_STANZAGATE_COMPONENT_PORT      or "5347"
local component_secret_   = ENV_STANZAGATE_COMPONENT_SECRET    or "change-me"
local client_interface    = ENV_STANZAGATE_CLIENT_INTERFACE    or "*"
local client_port         = ENV_STANZAGATE_CLIENT_PORT         or "5222"
local client_tls          = ENV_STANZAGATE_CLIENT_TLS          ~= "no"
local upload_interface    = ENV_STANZAGATE_UPLOAD_INTERFACE    or "127.0.0.1"
local upload_port         = ENV_STANZAGATE_UPLOAD_PORT         or "5280"
-- The URL under which clients and the gateway reach the upload service; behind a proxy that has TLS, the proxy's.
local upload_url          = ENV_STANZAGATE_UPLOAD_URL          or ("http://127.0.0.1:" .. upload_port .. "/")
-- [gateway] Who is a gateway.
local gateways = {
	"gw.example.org";
	-- [gw2] "gw2.example.org";
}
-- [gateway] Pictures of rooms (XEP-0486): 0.12 needs a module for them; 13.0, which alone knows the name `Lua`, none.
local room_pictures       = not Lua and "vcard_muc" or nil
-- [gateway] Where mod_stanzagate.lua and mod_stanzagate_tokens.lua lie.
plugin_paths = { ENV_STANZAGATE_MODULES or "/etc/prosody" }

interfaces = { client_interface }
c2s_ports = { client_port }
c2s_require_encryption = client_tls
allow_unencrypted_plain_auth = not client_tls
s2s_ports = { }
c2s_direct_tls_ports = { }
-- Over it Prosody closes a client's stream, over TCP and over WebSocket. This is its default.
c2s_stanza_size_limit = 256*1024
http_interfaces = { upload_interface }
http_ports = { upload_port }
http_default_host = "upload.example.org"
https_ports = { }
-- [gateway] The port is on loopback, behind a proxy that has TLS: without this line nobody could log in over WebSocket.
consider_websocket_secure = true

-- [gateway] The component connection (XEP-0114). It is not encrypted: keep it on loopback or a private network.
component_interfaces = { component_interface }
component_ports = { component_port }
-- [gateway] When the gateway comes back before Prosody has noticed that the old connection is dead, the new one wins.
component_conflict_resolve = "kick_old"
-- [gateway] Over it Prosody closes the connection; the gateway stays far below.
component_stanza_size_limit = 512*1024

modules_enabled = {
	"roster"; "saslauth"; "tls"; "disco"; "carbons"; "pep"; "private"; "blocklist"; "vcard4"; "vcard_legacy";
	"bookmarks"; "ping"; "time"; "version"; "uptime"; "lastactivity"; "smacks"; "csi_simple"; "offline";
	-- [gateway] The archives of users: histories, and messages that are waited for until they are archived.
	"mam";
	-- [gateway] The ad-hoc command user-stats: the one way to ask whether an account exists.
	"admin_adhoc";
	-- [gateway] See privileged_entities.
	"privilege";
	-- [gateway] Messages to everybody who is online, by an admin of the host. Only the MaxLeap API needs this.
	"announce";
	-- [gateway] XMPP over WebSocket (RFC 7395), for clients in browsers of the MaxLeap and the RongCloud-backed API.
	"websocket";
	-- [gateway] Widens: this helper module makes, for the gateway, tokens with which a client logs in as any user (SASL
	-- OAUTHBEARER, which it adds to the mechanisms of 0.12). Only the RongCloud-backed API needs this.
	"stanzagate_tokens";
}
modules_disabled = { "s2s" }

authentication = "internal_hashed"

-- [gateway] Internal storage cuts an archive to 10000 items and becomes slow at that point, unless told otherwise.
-- A large server keeps its archives in SQL (PostgreSQL; on 13.0 also SQLite with lua-lsqlite3 and sqlite_tune).
-- SQLite flushes the disk four times for each entry, with a write-ahead log once. The file remembers it, so say it once,
-- before the first start or while Prosody is stopped: sudo -u prosody sqlite3 FILE 'PRAGMA journal_mode=WAL'. On 13.0
-- sqlite_tune = "normal" hardly flushes at all: a power cut may take the last entries.
storage = "internal"
storage_archive_item_limit = 10000000
default_archive_policy = true
archive_expires_after = "never"
max_archive_query_results = 250

-- [gateway] A user's bookmarks (XEP-0402) are one node with an item for each room. Of more than 256 rooms their clients would
-- show the newest only.
pep_max_items = 10000

-- [gateway] What the gateway may do in the name of a user, beyond sending from their address.
local privileges = {
	-- Widens: the sender of a message gets their own copy, in their archive and on their devices.
	message = "outgoing";
	-- Widens: it reads and changes contact lists, for friendships. The MaxLeap API needs this, and the
	-- RongCloud-backed one where only friends bring each other in.
	roster = "both";
	iq = {
		-- Widens: it reads and writes the user's PEP nodes. It uses this for bookmarks (XEP-0402) and nothing else;
		-- mod_privilege cannot be told a single node.
		["http://jabber.org/protocol/pubsub"] = "both";
	};
}
privileged_entities = {
	["gw.example.org"] = privileges;
	-- [gw2] ["gw2.example.org"] = privileges;
}

VirtualHost "example.org"
	-- [gateway] Widens: admin of this host, for user-stats, announce, and adding and deleting accounts. An admin of one
	-- host cannot load modules or stop the server (on 13.0); that is why the line is not global.
	admins = gateways
	-- [gateway] A user in whose name the gateway speaks in a room is there as user@example.org/gw-gw.example.org. No
	-- client has that resource, so without this rule what the room sends there bounces, and the room throws the user out.
	-- Widens: the helper module answers the gateway's questions about any user's archive and lists the accounts. Only the
	-- MaxLeap API needs it.
	modules_enabled = { "firewall"; "stanzagate" }
	stanzagate_component = gateways
	firewall_scripts = { "stanzagate.pfw" }
	disco_items = { { "conference.example.org", "Rooms" } }
	-- [gateway] WebSocket at the upload service's port, path /xmpp-websocket.
	http_host = "upload.example.org"

Component "conference.example.org" "muc"
	name = "Rooms"
	-- [gateway] The archive is what tells the gateway that a message arrived. The helper module also keeps the pictures of
	-- rooms in order: owners set them, and whoever knows a room's address can look at them.
	modules_enabled = { "muc_mam"; "stanzagate"; room_pictures }
	stanzagate_component = gateways
	muc_log_by_default = true
	muc_log_expires_after = "never"
	-- [gateway] Widens: the gateway is owner of every room. It creates, configures and destroys rooms, reads and sets
	-- their members, and reads their archives.
	admins = gateways
	component_admins_as_room_owners = true
	-- Clients may make rooms of their own. The gateway looks whether a room exists before it sends to it, so this need
	-- not be true for its sake.
	restrict_room_creation = false
	-- [gateway] A room that was destroyed stays gone for muc_tombstone_expiry (31 days) when a client that still knows it
	-- enters it; the gateway, an admin, can make it anew. It is the default. Where it is false, restrict_room_creation = true
	-- does the same, and then users make no rooms at all.
	muc_tombstones = true
	-- [gateway] By default Prosody holds 100 rooms in memory and writes one to the disk to read another: a search looks
	-- at all of them. Above the number of rooms there are.
	muc_room_cache_size = 10000
	max_history_messages = 50

-- [gateway] The gateway's own records: attributes, indexes, numbers. Each node is closed to everybody else, and only admins
-- make any: leave out add_permissions of 13.0 that let users do so. The helper module keeps the names of the nodes to the
-- gateway, which 0.12 tells to anybody. The MaxLeap and the RongCloud-backed API
-- need this.
Component "pubsub.example.org" "pubsub"
	modules_enabled = { "stanzagate" }
	stanzagate_component = gateways
	admins = gateways
	pubsub_max_items = 10000

-- [gateway] The upload service (XEP-0363): attachments and covers. The MaxLeap and the RongCloud-backed API need this.
Component "upload.example.org" "http_file_share"
	http_external_url = upload_url
	http_file_share_access = {
		"example.org";
		"gw.example.org";
		-- [gw2] "gw2.example.org";
	}
	http_file_share_size_limit = 100*1024*1024
	-- Counted for each uploader, and the gateway is one, whoever its callers are: all attachments of a day. What everybody
	-- together may fill is the global quota; files are kept for http_file_share_expires_after, a week by default.
	http_file_share_daily_quota = 10*1024*1024*1024
	http_file_share_global_quota = 100*1024*1024*1024

-- [gateway] The gateway itself.
Component "gw.example.org"
	component_secret = component_secret_
	modules_enabled = { "privilege" }
	-- Widens: the gateway may send as any user of this server, which is its whole purpose; it lets callers speak only
	-- as users of the domains that its own configuration names.
	validate_from_addresses = false

-- [gw2] Component "gw2.example.org"
-- [gw2] 	component_secret = component_secret_
-- [gw2] 	modules_enabled = { "privilege" }
-- [gw2] 	validate_from_addresses = false
