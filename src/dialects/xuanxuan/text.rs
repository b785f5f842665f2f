//! How a client that knows nothing of this API shows a notification: its body, and its links.
//!
//! Markdown becomes XEP-0393 (Message Styling), which Conversations, Dino, Gajim, Monal and Converse.js show today, and
//! which stays readable where it is not shown; XHTML-IM is obsolete, and most of them have given it up. Plain text is
//! marked as such, so that its asterisks stay asterisks.

use super::markdown::styled;
use super::notification::{ContentType, Notification, Receiver};

/// The body: title, subtitle, text, links; and in a group, where clients show the nick of the service, who speaks:
/// ejabberd takes the nick of XEP-0172 out of what is said in a room, and clients do not look for it there.
pub fn body(notification: &Notification) -> String {
    let Notification { title, subtitle, content, url, actions, .. } = notification;
    let marked = notification.content_type == ContentType::Markdown;
    let mut parts = Vec::new();
    if !title.is_empty() {
        parts.push(if marked && !title.contains('*') { format!("*{title}*") } else { title.clone() });
    }
    if !subtitle.is_empty() && subtitle != title {
        parts.push(subtitle.clone());
    }
    let heading = parts.join("\n");
    let text = if marked { styled(content) } else { content.trim_matches('\n').to_owned() };
    let own = (!url.is_empty()).then(|| url.clone());
    let links = own.into_iter().chain(actions.iter().map(|action| format!("{}: {}", action.label, action.url)));
    let links = links.collect::<Vec<_>>().join("\n");
    let speaker = match &notification.receiver {
        Receiver::Users(_) => String::new(),
        Receiver::Group(_) => format!("— {}", notification.sender.shown()),
    };
    let parts = [heading, text, links, speaker];
    parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join("\n\n")
}

/// The links with their titles. None where the body is nothing but a link: clients would take that for a file.
pub fn links(notification: &Notification, body: &str) -> Vec<(String, String)> {
    let own = (!notification.url.is_empty()).then(|| (notification.url.clone(), notification.title.clone()));
    let actions = notification.actions.iter().map(|action| (action.url.clone(), action.label.clone()));
    own.into_iter().chain(actions).filter(|(url, _)| url != body).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(more: Value) -> Notification {
        let mut data = json!({"receiver": "users", "userList": ["u"], "sender": {"id": "s"}});
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Notification::read(Some(&data.to_string()), 1).unwrap()
    }

    #[test]
    fn a_body_says_everything_that_a_card_shows() {
        let url = "https://x.example/a";
        let full = json!({
            "title": "Title", "subtitle": "Sub", "content": "**Hello** *you*\n", "url": url,
            "actions": [{"label": "Open", "url": "https://x.example/b"}],
        });
        let expected = format!("*Title*\nSub\n\n*Hello* _you_\n\n{url}\nOpen: https://x.example/b");
        assert_eq!(body(&read(full.clone())), expected);
        let mut plain = full;
        plain["contentType"] = json!("plain");
        let plain = read(plain);
        let said = body(&plain);
        assert_eq!(said, format!("Title\nSub\n\n**Hello** *you*\n\n{url}\nOpen: https://x.example/b"));
        let links = links(&plain, &said);
        assert_eq!(links, [(url.into(), "Title".into()), ("https://x.example/b".into(), "Open".into())]);
        assert_eq!(body(&read(json!({"title": "T", "subtitle": "T"}))), "*T*");
        assert_eq!(body(&read(json!({"title": "2*3"}))), "2*3");
        let group = json!({"receiver": "group", "gid": "g", "title": "T", "sender": {"id": 1, "name": "CI"}});
        assert_eq!(body(&read(group)), "*T*\n\n— CI");
        let only = read(json!({"url": url}));
        assert_eq!((body(&only).as_str(), super::links(&only, &body(&only)).len()), (url, 0));
    }
}
