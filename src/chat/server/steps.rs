//! In what ejabberd and Prosody differ, as far as more than one room needs to know it.

use jid::BareJid;

use crate::chat::server::Server;
use crate::chat::types::error::ChatError;
use crate::chat::types::product::Product;
use crate::link::Call;

impl Server {
    /// Whether senders can get copies of their own: on ejabberd over sessions of theirs, which need a grant.
    pub(in crate::chat) fn gives_copies(&self, server: Product) -> bool {
        match server {
            Product::Ejabberd => self.sessions.granted(),
            Product::Prosody => true,
        }
    }

    /// Whether a user's archive is read in a session of theirs. On Prosody the helper module reads it.
    pub(in crate::chat) async fn reads_archives_in_sessions(&self, call: &Call) -> Result<bool, ChatError> {
        Ok(self.product(call).await? == Product::Ejabberd)
    }

    /// Opens now what reading a user's archive will need, so that it costs no time later.
    pub(in crate::chat) async fn prepare_archive(&self, call: &Call, user: &BareJid) -> Result<(), ChatError> {
        if self.reads_archives_in_sessions(call).await? {
            self.sessions.open(call, user).await?;
        }
        Ok(())
    }

    /// Whether a room's archive can be emptied. ejabberd removes single messages only, each with a notice to all members.
    pub(in crate::chat) async fn empties_archives(&self, call: &Call) -> Result<bool, ChatError> {
        Ok(self.product(call).await? == Product::Prosody)
    }

    /// Whether a pubsub service lists so many nodes and no more, where it is not told otherwise.
    pub(in crate::chat) async fn cuts_lists_of_nodes(&self, call: &Call) -> Result<bool, ChatError> {
        Ok(self.product(call).await? == Product::Ejabberd)
    }

    /// Whether a pubsub node belongs to the gateway that made it, which must let others in; where that is not known, it may.
    pub(in crate::chat) async fn nodes_have_owners(&self, call: &Call) -> bool {
        !matches!(self.product(call).await, Ok(Product::Prosody))
    }

    /// Whether rooms have subscribers (MUC/Sub).
    pub(in crate::chat) async fn rooms_have_subscribers(&self, call: &Call) -> bool {
        matches!(self.product(call).await, Ok(Product::Ejabberd))
    }

    /// What lets the gateway run administrative commands, for the configuration of the server; for both where it is not known
    /// which one it is.
    pub(super) fn lines_for_commands(&self) -> String {
        let ejabberd = format!(
            "enable mod_adhoc and mod_configure, and let the access rule `configure` allow {:?} (config/ejabberd.yml)",
            self.component
        );
        let prosody = format!(
            "enable admin_adhoc on the VirtualHost, and name {:?} in its admins (config/prosody.cfg.lua)",
            self.component
        );
        match self.known_product() {
            Some(Product::Ejabberd) => ejabberd,
            Some(Product::Prosody) => prosody,
            None => format!("on ejabberd {ejabberd}; on Prosody {prosody}"),
        }
    }
}
