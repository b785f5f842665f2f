//! Each reply body, byte for byte, in both styles.

use serde_json::json;

use super::Endpoint::*;
use super::*;
use crate::chat::types::room::{Affiliation, Member};
use crate::dialects::qtalk::calls::{CALLS, Run};

fn say(style: Replies, endpoint: Endpoint, result: Result<Done, Failure>) -> String {
    String::from_utf8(body(style, endpoint, result)).unwrap()
}

fn original_of(endpoint: Endpoint, code: Code) -> String {
    say(Replies::Original, endpoint, Err(Failure::new(code, "text")))
}

fn part(code: Code) -> Failure {
    Failure::parts(2, vec![Failure::new(code, "why").at(1)]).unwrap_err()
}

const SUCCESS: &str = r#"{"ret":true,"errcode":0,"errmsg":"success","data":""}"#;
const SUCESS: &str = r#"{"ret":true,"errcode":"0","errmsg":"","data":"sucess"}"#;

#[test]
fn documented_successes() {
    for endpoint in [SendThirdmessage, SendNotify, CreateMuc, AddMucUser, DelMucUser, DestroyMuc] {
        assert_eq!(say(Replies::Documented, endpoint, Ok(None)), SUCCESS);
    }
    for endpoint in [SendMessage, AuthUk] {
        assert_eq!(say(Replies::Documented, endpoint, Ok(None)), r#"{"ret":true,"errcode":0,"errmsg":"success"}"#);
    }
    assert_eq!(say(Replies::Documented, ClearStaff, Ok(None)), r#"{"ret":true,"errcode":0,"errmsg":"","data":""}"#);
    for style in [Replies::Documented, Replies::Original] {
        let profile = json!({"Nick": "测试", "Vcard": null});
        assert_eq!(
            say(style, GetUserNick, Ok(Some(profile.into()))),
            r#"{"ret":true,"errcode":0,"errmsg":"","data":{"Nick":"测试","Vcard":null}}"#
        );
        let jid = jid::BareJid::new("test@qtalk.test.org").unwrap();
        let users = Listed(vec![Member { jid, affiliation: Affiliation::Member, nick: "Nick".into() }]);
        assert_eq!(
            say(style, MucUsers, Ok(Some(Data::Members(users)))),
            r#"{"ret":true,"errcode":0,"errmsg":"","data":[{"U":"test","H":"qtalk.test.org","N":"Nick"}]}"#
        );
    }
}

#[test]
fn documented_failures() {
    let unknown = || Failure::new(Code::UnknownUser, "the user \"x\" does not exist");
    assert_eq!(
        say(Replies::Documented, SendThirdmessage, Err(unknown())),
        r#"{"ret":false,"errcode":2,"errmsg":"the user \"x\" does not exist","data":""}"#
    );
    assert_eq!(
        say(Replies::Documented, SendMessage, Err(unknown())),
        r#"{"ret":false,"errcode":2,"errmsg":"the user \"x\" does not exist"}"#
    );
    assert_eq!(
        say(Replies::Documented, AddMucUser, Err(part(Code::UnknownUser))),
        concat!(
            r#"{"ret":false,"errcode":2,"errmsg":"1 of 2 failed; number 1: why","#,
            r#""data":{"failed":[{"index":1,"errcode":2,"errmsg":"why"}]}}"#
        )
    );
}

#[test]
fn original_successes() {
    for endpoint in [SendThirdmessage, SendNotify, ClearStaff, AuthUk] {
        assert_eq!(say(Replies::Original, endpoint, Ok(None)), SUCCESS);
    }
    for endpoint in [CreateMuc, AddMucUser, DelMucUser, DestroyMuc] {
        assert_eq!(say(Replies::Original, endpoint, Ok(None)), SUCESS);
    }
    assert_eq!(say(Replies::Original, SendMessage, Ok(None)), r#"{"ret":true,"errcode":0,"errmsg":"success"}"#);
}

#[test]
fn original_failures() {
    let failed_but_true = r#"{"ret":true,"errcode":"1","errmsg":"","data":"failed"}"#;
    let owner_error = r#"{"ret":false,"errcode":"1","errmsg":"owner error","data":"failed"}"#;
    let info = r#"{"ret":false,"errcode":1,"errmsg":"get info fail","data":""}"#;
    let cases = [
        (CreateMuc, Code::RoomExists, r#"{"ret":true,"errcode":"3","errmsg":"","data":"failed"}"#),
        (AddMucUser, Code::UnknownRoom, failed_but_true),
        (DelMucUser, Code::NotOwner, owner_error),
        (DelMucUser, Code::UnknownRoom, owner_error),
        (DestroyMuc, Code::NotOwner, failed_but_true),
        (DestroyMuc, Code::UnknownRoom, failed_but_true),
        (MucUsers, Code::UnknownRoom, r#"{"ret":true,"errcode":0,"errmsg":"","data":[]}"#),
        (GetUserNick, Code::UnknownUser, info),
        (GetUserNick, Code::BadRequest, info),
        (AuthUk, Code::AuthFail, r#"{"ret":false,"errcode":1,"errmsg":"auth fail","data":""}"#),
        (Unknown, Code::BadRequest, r#"{"ret":false,"errcode":1,"errmsg":"text","data":""}"#),
        (SendThirdmessage, Code::BadRequest, r#"{"ret":false,"errcode":1,"errmsg":"text","data":""}"#),
        (SendMessage, Code::NotMember, r#"{"ret":false,"errcode":1,"errmsg":"text"}"#),
        (SendMessage, Code::Address, r#"{"ret":false,"errcode":1,"errmsg":"text"}"#),
    ];
    for (endpoint, code, expected) in cases {
        assert_eq!(original_of(endpoint, code), expected, "{endpoint:?} {code:?}");
    }
}

#[test]
fn the_original_texts_for_bodies_it_cannot_read() {
    let unreadable = |endpoint| say(Replies::Original, endpoint, Err(Failure::unreadable("why")));
    for endpoint in [SendThirdmessage, SendNotify, SendMessage, ClearStaff] {
        let expected = r#"{"ret":false,"errcode":1,"errmsg":"Josn parse error","data":""}"#;
        assert_eq!(unreadable(endpoint), expected);
    }
    for endpoint in [CreateMuc, AddMucUser, DelMucUser, DestroyMuc, MucUsers, GetUserNick] {
        let expected = r#"{"ret":false,"errcode":1,"errmsg":"Json format error.","data":""}"#;
        assert_eq!(unreadable(endpoint), expected);
    }
}

#[test]
fn what_the_original_did_not_notice_is_its_success() {
    for code in [Code::UnknownUser, Code::NotMember, Code::Xml, Code::Address, Code::Refused, Code::OutcomeUnknown] {
        assert_eq!(original_of(SendThirdmessage, code), SUCCESS);
        assert_eq!(original_of(SendNotify, code), SUCCESS);
    }
    assert_eq!(original_of(SendNotify, Code::BadRequest), SUCCESS);
    assert_eq!(original_of(CreateMuc, Code::Address), SUCESS);
    for endpoint in [AddMucUser, DelMucUser] {
        assert_eq!(say(Replies::Original, endpoint, Err(part(Code::UnknownUser))), SUCESS);
    }
    let skipped = say(Replies::Original, SendMessage, Err(part(Code::Address)));
    assert_eq!(skipped, r#"{"ret":true,"errcode":0,"errmsg":"success"}"#);
}

#[test]
fn what_only_a_gateway_meets_is_said_in_both_styles() {
    let bodies = CALLS.iter().filter_map(|call| match call.run {
        Run::Body(endpoint, _) => Some(endpoint),
        Run::AuthUk | Run::Avatar => None,
    });
    for endpoint in bodies.chain([AuthUk]) {
        for code in [Code::Unavailable, Code::MissingRight, Code::Domain, Code::TooLarge] {
            let said = original_of(endpoint, code);
            assert_eq!(said, say(Replies::Documented, endpoint, Err(Failure::new(code, "text"))));
            assert!(said.starts_with(&format!(r#"{{"ret":false,"errcode":{},"errmsg":"text""#, code as u8)), "{said}");
        }
    }
    let said = say(Replies::Original, SendThirdmessage, Err(part(Code::Unavailable)));
    assert!(said.starts_with(r#"{"ret":false,"errcode":13,"#), "{said}");
    assert!(original_of(CreateMuc, Code::OutcomeUnknown).starts_with(r#"{"ret":false,"errcode":8,"#));
}
