//! A helper process: this binary in a role of its own, spoken to by lines of JSON.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::fallible::Fallible;
use super::role::Role;

/// A process that ends when this is dropped.
pub struct Owned(pub Child);

impl Drop for Owned {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running helper. Dropping it ends it.
pub struct Helper {
    _process: Owned,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Helper {
    /// Starts a helper with its plan, and waits until it is ready; returns what it then says.
    pub fn start<Ready: DeserializeOwned>(role: Role, plan: &impl Serialize) -> Fallible<(Helper, Ready)> {
        let mut process = Command::new(std::env::current_exe()?)
            .args(["--role", role.name()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let orders = process.stdin.take().ok_or("no stdin")?;
        let answers = BufReader::new(process.stdout.take().ok_or("no stdout")?);
        let mut helper = Helper { _process: Owned(process), orders, answers };
        let ready = helper.ask(plan).map_err(|error| format!("{}: {error}", role.name()))?;
        Ok((helper, ready))
    }

    /// Gives an order, and waits for what comes of it.
    pub fn ask<Answer: DeserializeOwned>(&mut self, order: &impl Serialize) -> Fallible<Answer> {
        self.order(order)?;
        self.answer()
    }

    /// Gives an order.
    pub fn order(&mut self, order: &impl Serialize) -> Fallible {
        writeln!(self.orders, "{}", serde_json::to_string(order)?)?;
        Ok(self.orders.flush()?)
    }

    /// Waits for an answer.
    pub fn answer<Answer: DeserializeOwned>(&mut self) -> Fallible<Answer> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(serde_json::from_str::<Result<Answer, String>>(&line).map_err(|error| format!("{error}: {line:?}"))??)
    }
}

/// The helper's side: reads one line.
fn read<Order: DeserializeOwned>() -> Fallible<Option<Order>> {
    let mut line = String::new();
    if std::io::stdin().lock().read_line(&mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(serde_json::from_str(&line)?))
}

/// The helper's side: reads the next order without holding up the other tasks.
pub async fn order<Order: DeserializeOwned + Send + 'static>() -> Fallible<Option<Order>> {
    tokio::task::spawn_blocking(read).await?
}

/// The helper's side: answers.
pub fn write(answer: &impl Serialize) -> Fallible {
    let line = serde_json::to_string(&Ok::<_, String>(answer))?;
    Ok(writeln!(std::io::stdout().lock(), "{line}")?)
}

/// The helper's side: says why it cannot go on.
pub fn fail(error: &dyn std::fmt::Display) {
    let line = serde_json::to_string(&Err::<(), _>(error.to_string())).unwrap_or_default();
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
