//! Rooms: how they come and go, who belongs to them, and who speaks there.

pub(in crate::chat) mod adding;
mod avatar;
pub(in crate::chat) mod ejabberd;
mod index;
pub(in crate::chat) mod lifecycle;
pub(in crate::chat) mod lists;
mod members;
pub(in crate::chat) mod prosody;
mod seating;
pub(in crate::chat) mod seats;
mod secret;
pub(in crate::chat) mod surveys;
