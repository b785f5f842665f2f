//! Ad-hoc commands (XEP-0050) of service administration (XEP-0133), completed in one step.

use super::data_form;
use crate::xml::Element;
use crate::xml::element::{Build, el};

/// The namespace.
pub const NS: &str = "http://jabber.org/protocol/commands";
/// Statistics of one account (XEP-0133 section 4.9): on Prosody the way to learn whether it exists.
pub const USER_STATS: &str = "http://jabber.org/protocol/admin#user-stats";
/// Makes an account (section 4.1).
pub const ADD_USER: &str = "http://jabber.org/protocol/admin#add-user";
/// Deletes accounts (section 4.2).
pub const DELETE_USER: &str = "http://jabber.org/protocol/admin#delete-user";
/// When an account was last online (section 4.8).
pub const LAST_LOGIN: &str = "http://jabber.org/protocol/admin#get-user-lastlogin";
/// All accounts.
pub const REGISTERED_USERS: &str = "http://jabber.org/protocol/admin#get-registered-users-list";
/// Sends to everybody who is online.
pub const ANNOUNCE: &str = "http://jabber.org/protocol/admin#announce";
/// Prosody: destroys rooms; its form lists all of them, hidden ones too.
pub const PROSODY_DESTROY_ROOM: &str = "http://prosody.im/protocol/muc#destroy";

const ADMIN: &str = "http://jabber.org/protocol/admin";

/// Runs a command with a form already filled in.
pub fn execute_with(node: &str, fields: &[(&str, &str)]) -> Element {
    execute(node).child(data_form::submit(ADMIN, fields.iter().copied()))
}

/// Starts a command, to read the form it offers.
pub fn execute(node: &str) -> Element {
    el("command", NS).with("node", node).with("action", "execute")
}

/// Gives up a command that was started.
pub fn cancel(node: &str, session: &str) -> Element {
    el("command", NS).with("node", node).with("sessionid", session).with("action", "cancel")
}

/// What a command answered.
#[derive(Debug)]
pub struct Answer {
    /// The session, when the command waits for more.
    pub session: Option<String>,
    /// The text of an error note: the command was refused although the IQ is a result.
    pub error: Option<String>,
    /// The form.
    pub form: Option<Element>,
}

/// Reads a command's answer.
pub fn read(reply: &Element) -> Option<Answer> {
    let command = reply.get_child("command", NS)?;
    Some(Answer {
        session: command.attr("sessionid").map(str::to_owned),
        error: command
            .children()
            .find(|child| child.is("note", NS) && child.attr("type") == Some("error"))
            .map(Element::text),
        form: data_form::inside(command).cloned(),
    })
}
