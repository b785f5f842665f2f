//! The table of endpoints, and the way of every call from bytes to reply.

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request as HttpRequest, State};
use axum::http::HeaderName;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, any, on};

use super::cleanup::clean_up;
use super::context::{App, Context};
use super::error::{Failure, refusal};
use super::wire::{Query, Reply, Request};
use super::{
    attachment, attributes, auth, chats, friends, groups, members, passengers, search, strangers, system, user,
};
use crate::chat::kit::keyed_locks::KeyedLocks;
use crate::chat::{Call, Chat};
use crate::config::Config;
use crate::http::Web;
use crate::http::access::{Access, Caller};
use crate::http::call::{ARCHIVE_ID, CallOf, REQUEST_ID};
use crate::http::cors;
use crate::http::dialect::Dialect;

/// The headers that scripts in a browser may read, beside those that they always may.
const EXPOSED: [HeaderName; 5] = [
    REQUEST_ID,
    ARCHIVE_ID,
    HeaderName::from_static("retry-after"),
    HeaderName::from_static("x-xmpp-jid"),
    HeaderName::from_static("x-xmpp-password"),
];

const GET: MethodFilter = MethodFilter::GET;
const POST: MethodFilter = MethodFilter::POST;
const PUT: MethodFilter = MethodFilter::PUT;
const DELETE: MethodFilter = MethodFilter::DELETE;

/// Reading one object: library 4 posts where it should get.
const LOAD: MethodFilter = GET.or(POST);

/// What the handlers share.
#[derive(Clone)]
pub struct Maxleap {
    chat: Chat,
    config: Arc<Config>,
    apps: Arc<[App]>,
    locks: Arc<KeyedLocks>,
}

/// An endpoint.
type Run = for<'a> fn(&'a Context<'a>, &'a Request<'a>) -> Answer<'a>;

/// What it will answer.
type Answer<'a> = Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send + 'a>>;

macro_rules! run {
    ($endpoint:path) => {
        |context, request| Box::pin($endpoint(context, request))
    };
}

/// The routes under construction.
struct Table<'a> {
    dialect: Dialect<Maxleap>,
    prefix: &'a str,
}

/// The API's routes.
pub fn router(chat: Chat, config: Arc<Config>, web: Web) -> Router {
    let settings = &config.maxleap;
    let addresses = chat.addresses();
    // The verbs have refused to start with hosts that are none.
    let app = |app: &crate::config::maxleap::App| {
        Some(App { id: Arc::from(app.id.as_str()), realm: addresses.realm(&app.hosts()).ok()? })
    };
    let apps: Arc<[App]> = settings.apps.iter().filter_map(app).collect();
    for realm in apps.iter().map(|app| app.realm.clone()).collect::<HashSet<_>>() {
        tokio::spawn(clean_up(chat.clone(), Arc::clone(&config), realm));
    }
    let access = Access::own(auth::Keys::new(settings), &settings.allow);
    let table = Table { dialect: web.dialect("maxleap", refusal, access), prefix: &settings.prefix };
    let dialect = unknown(others(rooms(groups(users(people(objects(table))))))).dialect;
    let path = format!("{}/attachment", settings.prefix);
    let dialect = dialect.stream_route("attachment", &path, attachment::bounds(&config), on(POST, attach));
    let cors = cors::layer(&settings.cors_origins, &EXPOSED);
    let router = dialect.finish(Maxleap { chat, config, apps, locks: Arc::default() });
    // Outside of all else: a browser asks beforehand without a key, and reads no refusal that does not name its origin.
    match cors {
        Some(cors) => router.layer(cors),
        None => router,
    }
}

fn users(table: Table<'_>) -> Table<'_> {
    table
        .on("user", LOAD, "/ctx/{user}", run!(user::look))
        .on("user_attributes_merge", POST, "/ctx/{user}/attributes", run!(attributes::of_user::merge))
        .on("user_attributes_replace", PUT, "/ctx/{user}/attributes", run!(attributes::of_user::replace))
        .on("user_attributes", GET, "/ctx/{user}/attributes", run!(attributes::of_user::all))
        .on("user_attributes_clear", DELETE, "/ctx/{user}/attributes", run!(attributes::of_user::clear))
        .on("user_attribute", GET, "/ctx/{user}/attributes/{key}", run!(attributes::of_user::one))
}

/// What groups and rooms have in common.
fn objects(table: Table<'_>) -> Table<'_> {
    table
        .on("group_attributes_merge", POST, "/groups/{group}/attributes", run!(attributes::of_group::merge))
        .on("group_attributes_replace", PUT, "/groups/{group}/attributes", run!(attributes::of_group::replace))
        .on("group_attributes", GET, "/groups/{group}/attributes", run!(attributes::of_group::all))
        .on("group_attributes_clear", DELETE, "/groups/{group}/attributes", run!(attributes::of_group::clear))
        .on("group_attribute", GET, "/groups/{group}/attributes/{key}", run!(attributes::of_group::one))
        .on("room_attributes_merge", POST, "/rooms/{room}/attributes", run!(attributes::of_room::merge))
        .on("room_attributes_replace", PUT, "/rooms/{room}/attributes", run!(attributes::of_room::replace))
        .on("room_attributes", GET, "/rooms/{room}/attributes", run!(attributes::of_room::all))
        .on("room_attributes_clear", DELETE, "/rooms/{room}/attributes", run!(attributes::of_room::clear))
        .on("room_attribute", GET, "/rooms/{room}/attributes/{key}", run!(attributes::of_room::one))
}

/// What is between users.
fn people(table: Table<'_>) -> Table<'_> {
    table
        .on("users", GET, "/ctx", run!(search::users))
        .on("friends", GET, "/ctx/{user}/friends", run!(friends::list))
        .on("friend_add", POST, "/ctx/{user}/friends/{friend}", run!(friends::befriend))
        .on("friend", GET, "/ctx/{user}/friends/{friend}", run!(friends::friendship))
        .on("friend_remove", DELETE, "/ctx/{user}/friends/{friend}", run!(friends::unfriend))
        .on("friend_chats", GET, "/ctx/{user}/friends/{friend}/chats", run!(chats::friend))
        .on("strangers", GET, "/ctx/{user}/strangers", run!(strangers::list))
        .on("stranger", GET, "/ctx/{user}/strangers/{stranger}", run!(strangers::look))
        .on("stranger_chats", GET, "/ctx/{user}/strangers/{stranger}/chats", run!(chats::stranger))
        .on("user_groups", GET, "/ctx/{user}/groups", run!(groups::of_user))
        .on("user_rooms", GET, "/ctx/{user}/rooms", run!(groups::rooms_of_user))
}

fn groups(table: Table<'_>) -> Table<'_> {
    table
        .on("group_create", POST, "/groups", run!(groups::create_group))
        .on("groups", GET, "/groups", run!(groups::search_groups))
        .on("group", LOAD, "/groups/{group}", run!(groups::group))
        .on("group_update", PUT, "/groups/{group}", run!(groups::update_group))
        .on("group_delete", DELETE, "/groups/{group}", run!(groups::delete_group))
        .on("group_members_add", POST, "/groups/{group}/members", run!(members::add_to_group))
        .on("group_members_remove", DELETE, "/groups/{group}/members", run!(members::remove_from_group))
        .on("group_join", POST, "/groups/{group}/members/{user}", run!(members::join_group))
        .on("group_leave", DELETE, "/groups/{group}/members/{user}", run!(members::leave_group))
        .on("group_chats", GET, "/groups/{group}/chats", run!(chats::group))
        .on("group_chats_clear", DELETE, "/groups/{group}/chats", run!(chats::clear_group))
}

fn rooms(table: Table<'_>) -> Table<'_> {
    table
        .on("room_create", POST, "/rooms", run!(groups::create_room))
        .on("rooms", GET, "/rooms", run!(groups::search_rooms))
        .on("room", LOAD, "/rooms/{room}", run!(groups::room))
        .on("room_update", PUT, "/rooms/{room}", run!(groups::update_room))
        .on("room_delete", DELETE, "/rooms/{room}", run!(groups::delete_room))
        .on("room_members_add", POST, "/rooms/{room}/members", run!(members::add_to_room))
        .on("room_members_remove", DELETE, "/rooms/{room}/members", run!(members::remove_from_room))
        .on("room_join", POST, "/rooms/{room}/members/{user}", run!(members::join_room))
        .on("room_leave", DELETE, "/rooms/{room}/members/{user}", run!(members::leave_room))
}

fn others(table: Table<'_>) -> Table<'_> {
    table
        .on("passenger_create", POST, "/passengers", run!(passengers::create))
        .on("passenger", LOAD, "/passengers/{passenger}", run!(passengers::look))
        .on("passenger_chats", GET, "/passengers/{passenger}/chats/{user}", run!(chats::passenger))
        .on("system", POST, "/system", run!(system::everybody))
        .on("system_target", POST, "/system/{target}", run!(system::target))
}

/// What begins like an endpoint and is none. Without a prefix all other paths are those of other APIs.
const NOTHING: [&str; 11] = [
    "/ctx/{user}/{*rest}",
    "/ctx//{*rest}",
    "/groups/{group}/{*rest}",
    "/groups//{*rest}",
    "/rooms/{room}/{*rest}",
    "/rooms//{*rest}",
    "/passengers/{passenger}/{*rest}",
    "/passengers//{*rest}",
    "/system/{target}/{*rest}",
    "/system//{*rest}",
    "/attachment/{*rest}",
];

fn unknown(table: Table<'_>) -> Table<'_> {
    let paths: &[&str] = if table.prefix.is_empty() { &NOTHING } else { &["/{*rest}"] };
    let Table { mut dialect, prefix } = table;
    for path in paths {
        let nothing = any(async || Failure::not_found("this path"));
        dialect = dialect.route("unknown", &format!("{prefix}{path}"), nothing);
    }
    Table { dialect, prefix }
}

impl Table<'_> {
    fn on(self, name: &'static str, methods: MethodFilter, path: &str, run: Run) -> Self {
        let call = move |state, call, caller, path, request| serve(run, state, call, caller, path, request);
        let path = format!("{}{path}", self.prefix);
        Self { dialect: self.dialect.route(name, &path, on(methods, call)), prefix: self.prefix }
    }
}

async fn serve(
    run: Run,
    State(maxleap): State<Maxleap>,
    CallOf(call): CallOf,
    caller: Caller,
    path: Result<RawPathParams, RawPathParamsRejection>,
    request: HttpRequest,
) -> Response {
    maxleap.answer(run, &call, &caller, path, request).await.into_response()
}

async fn attach(
    State(maxleap): State<Maxleap>,
    CallOf(call): CallOf,
    caller: Caller,
    request: HttpRequest,
) -> Response {
    let answer = async {
        let context = maxleap.context(&call, &caller)?;
        attachment::upload(&context, request).await.map_err(|failure| failure.in_ids(&context.app.realm))
    };
    answer.await.into_response()
}

impl Maxleap {
    async fn answer(
        &self,
        run: Run,
        call: &Call,
        caller: &Caller,
        path: Result<RawPathParams, RawPathParamsRejection>,
        request: HttpRequest,
    ) -> Result<Reply, Failure> {
        let context = self.context(call, caller)?;
        let path = path.map_err(|_| Failure::parameter("the path is not UTF-8"))?;
        let path: Vec<String> = path.iter().map(|(_, part)| part.to_owned()).collect();
        let query = Query::read(request.uri().query().unwrap_or_default())?;
        // Bounded and already here: see `Web::dialect`.
        let body = axum::body::to_bytes(request.into_body(), usize::MAX).await;
        let body = body.map_err(|_| Failure::parameter("the body is broken off"))?;
        let answer = run(&context, &Request { path: &path, query: &query, body: &body }).await;
        answer.map_err(|failure| failure.in_ids(&context.app.realm))
    }

    /// What an endpoint is given for a call of a caller whose keys were checked.
    ///
    /// # Errors
    /// When they were not.
    pub(super) fn context<'a>(&'a self, call: &'a Call, caller: &Caller) -> Result<Context<'a>, Failure> {
        let app = self.apps.iter().find(|app| caller.name.as_deref() == Some(app.id.as_ref()));
        let app = app.ok_or_else(|| Failure::new(super::error::Code::Unauthorized, "no app with this id"))?;
        Ok(Context { chat: &self.chat, call, config: &self.config, app, locks: &self.locks })
    }
}
