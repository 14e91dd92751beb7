use chancery_core::Secret;

use super::*;

const GOOD: &str = r#"server:
  listen: 127.0.0.1:8080
  store: sqlite:./data/chancery.db
  keys: { file: ./data/chancery.key }
tenant: acme
base_url: https://gw.example.com
identity_providers:
  - name: corp
    issuer: https://login.example.com
    client_id: chancery
    client_secret: env:CORP_SECRET
agents:
  - name: reporter
    owner: finance
clients:
  - name: desk
    redirect_uris: [ https://desk.example.com/cb ]
    secret: env:DESK_SECRET
    agent: reporter
  - name: laptop
    redirect_uris: [ http://127.0.0.1/cb ]
resources:
  - name: bank
    title: Bank
    upstream: { url: http://10.0.0.7:9001/mcp }
    scopes:
      "bank:read": See balances
      "bank:move": Move money
    default_scope: "bank:read"
    tools:
      transfer: { scope: "bank:read bank:move" }
policies: |
  @id("no-transfers")
  forbid(principal, action == Chancery::Action::"call_tool", resource == Chancery::Resource::"bank")
  when { context.target == "transfer" };
registration: { dynamic: closed }
lifetimes: { access_token: 10m }
"#;

fn secrets(reference: &SecretRef, _: Whose) -> Result<Secret<String>, String> {
    match reference.to_string().as_str() {
        "env:CORP_SECRET" => Ok(Secret::new("s3cret".to_owned())),
        "env:DESK_SECRET" => Ok(Secret::new("0123456789abcdef0123456789abcdef".to_owned())),
        "env:SHORT" => Ok(Secret::new("0123456789abcdef0123456789abcde".to_owned())),
        "env:PROXY" => Ok(Secret::new("us:hunter2".to_owned())),
        "env:EMPTY" => Ok(Secret::new(String::new())),
        "env:DATABASE_URL" => Ok(Secret::new("postgres://u:hunter2@db.example/chancery".to_owned())),
        _ => Err("is not set".to_owned()),
    }
}

fn read(files: &[(&str, &str)]) -> Result<Config, Vec<String>> {
    let files: Vec<_> = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    Config::read(&files, &secrets).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn complaints(text: &str) -> Vec<String> {
    read(&[("chancery.yaml", text)]).err().unwrap_or_default()
}

/// What is replaced in the good file, by what, and all that is said then.
#[rustfmt::skip]
const BROKEN: &[(&str, &str, &[&str])] = &[
    // Keys
    ("    issuer: https", "    isuer: https", &[
        "chancery.yaml:8: identity_providers[0].issuer: this key is missing — add it, such as `issuer: https://login.example.com`",
        "chancery.yaml:9: identity_providers[0].isuer: this key is not known — did you mean `issuer`?"]),
    ("tenant: acme\n", "", &[
        "chancery.yaml:1: tenant: this key is missing — add it, such as `tenant: acme`"]),
    ("registration: {", "dcr: {", &[
        "chancery.yaml:36: dcr: this key is not known — known here: server, tenant, base_url, identity_providers, agents, clients, resources, policies, access, registration, sign_ins, lifetimes, sign_out"]),
    ("tenant: acme\n", "tenant: acme\ntenant: acme\n", &[
        "chancery.yaml:6: this is not YAML: duplicate mapping key `tenant` is not allowed here — correct the line, or the one before it"]),
    ("  listen: 127.0.0.1:8080", "  listen: localhost", &[
        "chancery.yaml:2: server.listen: `localhost` is not an address and port — write it like 127.0.0.1:8080 or [::]:8443"]),
    ("policies: |\n  @id", "policies: |\n\n\n  @idd(\"x\") forbid(principal, action);\n  @id", &[
        "chancery.yaml:35: policies: this policy is missing the `resource` variable in the scope — policy scopes must contain a `principal`, `action`, and `resource` element in that order"]),
    // Values
    ("tenant: acme", "tenant: Acme Inc", &[
        "chancery.yaml:5: tenant: `Acme Inc` is not a name — a name is 1 to 63 lower-case letters, digits and inner hyphens, such as `github` or `pay-roll`"]),
    ("tenant: acme", "tenant:", &[
        "chancery.yaml:5: tenant: a value is missing here — write it like `tenant: acme`, in quotes if need be"]),
    ("tenant: acme", "tenant: 17", &[
        "chancery.yaml:5: tenant: text is expected here, not a number — write it like `tenant: acme`, in quotes if need be"]),
    ("tenant: acme", "tenant: [acme]", &[
        "chancery.yaml:5: tenant: text is expected here, not a list — write it like `tenant: acme`, in quotes if need be"]),
    ("tenant: acme", r#"tenant: """#, &[
        "chancery.yaml:5: tenant: a value is missing here — write it like `tenant: acme`, in quotes if need be"]),
    ("https://gw.example.com", "http://gw.example.com", &[
        "chancery.yaml:6: base_url: over plain http anybody on the way reads and changes what is sent — use https; plain http is for 127.0.0.1, [::1] and localhost only"]),
    ("https://gw.example.com", "http://127.9.9.9", &[
        "chancery.yaml:6: base_url: over plain http anybody on the way reads and changes what is sent — use https; plain http is for 127.0.0.1, [::1] and localhost only"]),
    ("https://gw.example.com", "https://gw.example.com/", &[
        "chancery.yaml:6: base_url: the base URL ends in a slash — write `https://gw.example.com`"]),
    ("client_secret: env:CORP_SECRET", "client_secret: hunter2", &[
        "chancery.yaml:11: identity_providers[0].client_secret: a secret may not stand in this file — put it into an environment variable and write `env:NAME`, or into a file of its own and write `file:PATH`"]),
    ("client_secret: env:CORP_SECRET", "client_secret: env:NOT_THERE", &[
        "chancery.yaml:11: identity_providers[0].client_secret: `env:NOT_THERE` is not set — Chancery reads it where it runs; put the secret there"]),
    ("client_secret: env:CORP_SECRET", "client_secret: file:/run/corp", &[
        "chancery.yaml:11: identity_providers[0].client_secret: `file:/run/corp` is not set — Chancery reads it where it runs; put the secret there"]),
    ("client_secret: env:CORP_SECRET", "client_secret: env:EMPTY", &[
        "chancery.yaml:11: identity_providers[0].client_secret: `env:EMPTY` is empty — Chancery reads it where it runs; put the secret there"]),
    ("client_secret: env:CORP_SECRET", "client_secret: 12345", &[
        "chancery.yaml:11: identity_providers[0].client_secret: text is expected here, not a number — write it like `client_secret: env:CORP_CLIENT_SECRET`, in quotes if need be"]),
    ("client_secret: env:CORP_SECRET", "client_secret: hunter2: 3", &[
        "chancery.yaml:11: this is not YAML: mapping values are not allowed in this context — correct the line, or the one before it"]),
    ("client_secret: env:CORP_SECRET", r#"client_secret: "hunter2"#, &[
        "chancery.yaml:27: this is not YAML: invalid trailing content after double-quoted scalar — correct the line, or the one before it"]),
    ("secret: env:DESK_SECRET", "secret: env:SHORT", &[
        "chancery.yaml:18: clients[0].secret: the secret in `env:SHORT` has 31 characters — use at least 32 random characters, such as `openssl rand -hex 32` prints"]),
    ("    secret: env:DESK_SECRET\n", "", &[
        "chancery.yaml:18: clients[0].agent: a client without a secret proves nothing, so it cannot act as an agent — give it a secret, such as `secret: env:DESK_SECRET`, or leave `agent` out"]),
    ("agent: reporter", "agent: nobody", &[
        "chancery.yaml:19: clients[0].agent: there is no agent `nobody` — add it under `agents`, with its owner"]),
    ("    owner: finance\n", "", &[
        "chancery.yaml:13: agents[0].owner: this key is missing — add it, such as `owner: finance`"]),
    ("name: laptop", "name: desk", &[
        "chancery.yaml:20: clients[1].name: chancery.yaml:16 has a client of this name already — give each its own"]),
    ("[ http://127.0.0.1/cb ]", "[ http://laptop.example/cb ]", &[
        "chancery.yaml:21: clients[1].redirect_uris[0]: this redirect URI is sent over plain http, where anybody on the way can take the code — use https; http is for 127.0.0.1, [::1] and localhost only"]),
    ("[ http://127.0.0.1/cb ]", "[]", &[
        "chancery.yaml:21: clients[1].redirect_uris: a client without a redirect URI can never be answered — add the address that the app waits at"]),
    ("[ http://127.0.0.1/cb ]", "http://127.0.0.1/cb", &[
        "chancery.yaml:21: clients[1].redirect_uris: a list is expected here, not text — write it like `redirect_uris: [ https://desk.example.com/callback ]`"]),
    ("[ http://127.0.0.1/cb ]", "[ javascript:alert(1), https://a/*, x ]", &[
        "chancery.yaml:21: clients[1].redirect_uris[0]: this redirect URI has a scheme that no app owns — use https, http on loopback, or a scheme like com.example.app",
        "chancery.yaml:21: clients[1].redirect_uris[1]: this redirect URI has a wildcard; redirect URIs are compared as they are written — register each address by itself",
        "chancery.yaml:21: clients[1].redirect_uris[2]: this redirect URI is not an absolute URI — write it whole, such as https://app.example/callback"]),
    (r#"default_scope: "bank:read""#, r#"default_scope: "bank:all""#, &[
        "chancery.yaml:29: resources[0].default_scope: this resource has no scope `bank:all` — add it under the resource's `scopes`, with words for the consent page"]),
    (r#"scope: "bank:read bank:move""#, r#"scope: "bank:mvoe""#, &[
        "chancery.yaml:31: resources[0].tools.transfer.scope: this resource has no scope `bank:mvoe` — add it under the resource's `scopes`, with words for the consent page"]),
    (r#""bank:move": Move money"#, "offline_access: Move money", &[
        "chancery.yaml:28: resources[0].scopes.offline_access: `offline_access` belongs to OpenID Connect, not to a resource — choose another scope, such as `bank:read`"]),
    (r#""bank:move": Move money"#, r#""bank:move":"#, &[
        r#"chancery.yaml:28: resources[0].scopes.bank:move: a value is missing here — write it like `scopes: { "bank:read": See balances }`, in quotes if need be"#]),
    ("tools:\n", "tools: 3\n", &[
        "chancery.yaml:31: this is not YAML: mapping values are not allowed in this context — correct the line, or the one before it"]),
    ("    tools:\n      transfer: {", "    tools: [\n      transfer: {", &[
        "chancery.yaml:32: this is not YAML: while parsing a flow mapping, did not find expected ',' or '}' — correct the line, or the one before it"]),
    ("url: http://10.0.0.7:9001/mcp", "url: http://10.0.0.7:9001/mcp?x=1", &[
        "chancery.yaml:25: resources[0].upstream.url: an upstream's URL has no query — leave out the ? and what follows it: calls are sent without one"]),
    ("url: http://10.0.0.7:9001/mcp", "url: 10.0.0.7:9001/mcp", &[
        "chancery.yaml:25: resources[0].upstream.url: `10.0.0.7:9001/mcp` is not an absolute URL (relative URL without a base) — write it whole, such as https://host.example/path"]),
    ("title: Bank", "url: https://gw.example.com/t/x", &[
        "chancery.yaml:24: resources[0].url: Chancery's own addresses begin like this — choose another path, such as `/mcp/github`"]),
    ("title: Bank", "strict: yes", &[
        "chancery.yaml:24: resources[0].strict: true or false is expected here, not text — write it like `strict: true`"]),
    (r#"Chancery::Resource::"bank""#, r#"Chancery::Resource::"bnak""#, &[
        "chancery.yaml:34: policies: this policy is about the resource `bnak`, which is not there — did you mean `bank`?"]),
    ("context.target ==", "context.traget ==", &[
        r#"chancery.yaml:35: policies: attribute `traget` in context for Chancery::Action::"call_tool" not found — context has client, agent, roles, scope, acr, amr, auth_age, hour and weekday; address, where the policy does not name issue_token; and target and arguments, where it names the actions call_tool, read_resource or get_prompt"#]),
    ("{ dynamic: closed }", "{ dynamic: maybe }", &[
        "chancery.yaml:36: registration.dynamic: `maybe` is not a way to govern registration — write one of: open, closed, token, approval"]),
    ("{ dynamic: closed }", "closed", &[
        "chancery.yaml:36: registration: a mapping is expected here, not text — write it like `registration: { dynamic: closed }`"]),
    ("access_token: 10m", "access_token: 10", &[
        "chancery.yaml:37: lifetimes.access_token: text is expected here, not a number — write it like `access_token: 5m`, in quotes if need be"]),
    ("access_token: 10m", "access_token: 10min", &[
        "chancery.yaml:37: lifetimes.access_token: `10min` is not a duration — write a number and its unit: 90s, 5m, 8h or 30d"]),
    ("access_token: 10m", "access_token: 2h", &[
        "chancery.yaml:37: lifetimes.access_token: 2h is too long — choose between 1s and 1h"]),
    ("access_token: 10m", "access_token: 0s", &[
        "chancery.yaml:37: lifetimes.access_token: 0s is too short — choose between 1s and 1h"]),
    ("sqlite:./data/chancery.db", "postgres://u:hunter2@db.example/x", &[
        "chancery.yaml:3: server.store: the store's password may not stand in this file — leave it out and write `store_password: env:NAME`, or put the whole address there and write `store: env:NAME`"]),
    ("sqlite:./data/chancery.db", "mysql://db.example/x", &[
        "chancery.yaml:3: server.store: the store cannot be here: it begins with neither `sqlite:` nor `postgres://` — write `sqlite:PATH` or `postgres://USER@HOST:PORT/DATABASE`"]),
    ("sqlite:./data/chancery.db", "postgres://u@db.example/x\n  apply_at_start: true", &[
        "chancery.yaml:4: server.apply_at_start: nodes that share a database may not apply their files as they start: the last one to start would win — set it to false, and run `chancery apply` once"]),
    ("identity_providers:\n  - name: corp\n    issuer: https://login.example.com\n    client_id: chancery\n    client_secret: env:CORP_SECRET\n", "", &[
        "chancery.yaml:1: identity_providers: without an identity provider nobody can sign in — add one, such as `identity_providers: [ { name: corp, issuer: https://login.example.com, … } ]`"]),
    ("issuer: https://login.example.com", "issuer: http://login.example.com", &[
        "chancery.yaml:9: identity_providers[0].issuer: over plain http anybody on the way reads and changes what is sent — use https; plain http is for 127.0.0.1, [::1] and localhost only"]),
    ("issuer: https://login.example.com", "issuer: https://login.example.com\n    scopes: profile", &[
        "chancery.yaml:10: identity_providers[0].scopes: without the scope `openid` the provider does not say who signed in — write `openid profile`"]),
    ("issuer: https://login.example.com", "issuer: https://login.example.com\n    profile: entrra", &[
        "chancery.yaml:10: identity_providers[0].profile: `entrra` is not a kind of identity provider — did you mean `entra`?"]),
    ("issuer: https://login.example.com", "issuer: https://login.example.com\n    domains: [ alice@example.com ]", &[
        "chancery.yaml:10: identity_providers[0].domains[0]: `alice@example.com` is not a domain — write what stands behind the @ of people's addresses, such as example.com"]),
    ("issuer: https://login.example.com", "issuer: https://login.example.com\n    issuers: [ \"https://login.example.com/a b\" ]", &[
        "chancery.yaml:10: identity_providers[0].issuers[0]: an issuer has no space in it — write it as the provider's discovery document says it"]),
    ("registration:", "access: [ { groups: [ t ], scopes: [ \"bank:mvoe\" ] } ]\nregistration:", &[
        "chancery.yaml:36: access[0]: no resource has a scope `bank:mvoe` — add it under a resource's `scopes`, or correct it here"]),
    ("registration:", "access: [ { groups: [ t ], provider: crop, roles: [ x ] } ]\nregistration:", &[
        "chancery.yaml:36: access[0]: there is no identity provider `crop` — name one of `identity_providers`"]),
    ("registration:", "access: [ { groups: [ t ] } ]\nregistration:", &[
        "chancery.yaml:36: access[0]: this rule gives nothing — add `roles: [ … ]`, `scopes: [ … ]`, or both"]),
    ("server:\n", "server:\n  large_messages: 63MiB\n", &[
        "chancery.yaml:2: server.large_messages: 63MiB cannot be it — choose between 64MiB and 65536MiB"]),
    ("server:\n", "server:\n  large_messages: 1GB\n", &[
        "chancery.yaml:2: server.large_messages: `1GB` is no size — write it like 256MiB"]),
    ("server:\n", "server:\n  drain: 1s\n", &[
        "chancery.yaml:2: server.drain: 1s is too short — choose between 2s and 1h"]),
    ("server:\n", "server:\n  feed: { lost_after: 4s }\n", &[
        "chancery.yaml:2: server.feed.lost_after: 4s is too short — choose between 5s and 1h: the database is asked every half second, and may be slow once"]),
    ("server:\n", "server: [\n", &[
        "chancery.yaml:3: this is not YAML: while parsing a flow mapping, did not find expected ',' or '}' — correct the line, or the one before it"]),
];

#[test]
fn every_problem_is_said_with_its_place_and_remedy() {
    for (from, to, expected) in BROKEN {
        assert!(GOOD.contains(from), "{from}");
        assert_eq!(complaints(&GOOD.replacen(from, to, 1)), *expected, "{from} -> {to}");
    }
}

#[test]
fn the_good_file_is_read() {
    let config = read(&[("chancery.yaml", GOOD)]).expect("the good file is good");
    assert_eq!((config.tenant.as_str(), config.base_url.as_str()), ("acme", "https://gw.example.com"));
    assert_eq!(config.server.store.path(), Some(std::path::Path::new("./data/chancery.db")));
    let declared: Vec<_> = config.declared.iter().map(|object| format!("{} {}", object.definition.kind().as_str(), object.name)).collect();
    assert_eq!(
        declared,
        [
            "identity_provider corp",
            "agent reporter",
            "client desk",
            "client laptop",
            "resource bank",
            "policy policies",
            "settings settings"
        ]
    );
    let bank = config.declared[4].definition.to_json();
    assert_eq!(bank["url"], "https://gw.example.com/mcp/bank");
    assert_eq!(bank["upstream"]["audience"], "http://10.0.0.7:9001/mcp");
    let settings = config.declared[6].definition.to_json();
    assert_eq!((&settings["registration"]["dynamic"], &settings["lifetimes"]["access_token"]), (&"closed".into(), &"10m".into()));
    assert_eq!(settings["lifetimes"]["refresh_idle"], "30d");
}

#[test]
fn what_is_no_file_of_ours_is_said_in_a_line_or_two() {
    let mapping = "chancery.yaml:1: a mapping is expected here, not text — begin with a line like `tenant: acme`";
    assert_eq!(complaints("hello"), [mapping]);
    assert_eq!(
        complaints(""),
        [
            "chancery.yaml:1: base_url: this key is missing — add it, such as `base_url: https://gw.example.com`",
            "chancery.yaml:1: identity_providers: without an identity provider nobody can sign in — add one, \
             such as `identity_providers: [ { name: corp, issuer: https://login.example.com, … } ]`",
            "chancery.yaml:1: tenant: this key is missing — add it, such as `tenant: acme`",
        ]
    );
    let tab = "chancery.yaml:1: this is not YAML: while scanning a plain scalar, found a tab — correct the line, or the one before it";
    assert_eq!(complaints("tenant: acme\n\tx: 3"), [tab]);
}

#[test]
fn a_secret_is_never_repeated() {
    for (from, to) in [
        ("client_secret: env:CORP_SECRET", "client_secret: hunter2"),
        ("client_secret: env:CORP_SECRET", "client_secret: [ hunter2 ]"),
        ("client_secret: env:CORP_SECRET", "client_secret: { env: hunter2 }"),
        ("client_secret: env:CORP_SECRET", "client_secret: hunter2: 3"),
        ("client_secret: env:CORP_SECRET", "client_secret: \"hunter2"),
        ("secret: env:DESK_SECRET", "secret: hunter2"),
        ("sqlite:./data/chancery.db", "postgres://u:hunter2@db.example/x"),
        ("sqlite:./data/chancery.db", "postgres://db.example/x?user=u&password=hunter2"),
        ("sqlite:./data/chancery.db", "mysql://u:hunter2@db.example/x"),
    ] {
        let said = complaints(&GOOD.replacen(from, to, 1));
        assert!(!said.is_empty() && !said.concat().contains("hunter2"), "{said:?}");
    }
}

#[test]
fn a_store_with_a_password_lies_where_secrets_lie() {
    let whole = GOOD.replacen("store: sqlite:./data/chancery.db", "store: env:DATABASE_URL", 1);
    let config = read(&[("chancery.yaml", &whole)]).expect("a good file");
    assert_eq!(config.server.store.to_string(), "postgres://u@db.example:5432/chancery");
    assert!(!config.server.apply_at_start);

    let apart = GOOD.replacen("sqlite:./data/chancery.db", "postgres://u@db.example/x\n  store_password: env:DESK_SECRET", 1);
    assert!(complaints(&apart).is_empty());
}

#[test]
fn several_files_make_one() {
    let more = "resources:\n  - { name: exchange, upstream: { url: http://127.0.0.1:9002/mcp } }\n";
    let cedar = "forbid(principal, action, resource == Chancery::Resource::\"exchange\");\n";
    let config = read(&[("a.yaml", GOOD), ("b.yaml", more), ("c.cedar", cedar)]).expect("good files");
    assert_eq!(config.declared.iter().filter(|object| object.definition.url().is_some()).count(), 2);

    let about = "forbid(principal, action, resource == Chancery::Resource::\"bank\");";
    let unreadable = "a.yaml:1: this is not YAML: unclosed bracket '[' — correct the line, or the one before it";
    assert_eq!(read(&[("a.yaml", "resources: ["), ("b.yaml", GOOD), ("c.cedar", about)]).err().expect("problems"), [unreadable]);

    let twice = "resources:\n  - { name: bank, url: https://gw.example.com/other }\ntenant: acme\n";
    let broken = "\nforbid(principal, action, resource);\n\nforbid(principal, action, resource) when { context.nobody };\n";
    let cedar = "attribute `nobody` in context for Chancery::Action::\"call_tool\" not found — context has client, agent, roles, scope, \
                 acr, amr, auth_age, hour and weekday; address, where the policy does not name issue_token; and target and arguments, where \
                 it names the actions call_tool, read_resource or get_prompt";
    assert_eq!(
        read(&[("a.yaml", GOOD), ("b.yaml", twice), ("c.cedar", broken)]).err().expect("problems"),
        [
            "b.yaml:2: resources[0].name: a.yaml:23 has a resource of this name already — give each its own",
            "b.yaml:3: tenant: this key stands in a.yaml:5 already — leave one of the two out; only lists may be spread over files",
            &format!("c.cedar:4: {cedar}"),
        ]
    );
}

#[test]
fn the_way_out_may_lead_through_a_proxy() {
    let with = |lines: &str| GOOD.replacen("server:\n", &format!("server:\n{lines}"), 1);
    let proxy = "  proxy: http://proxy:3128\n  proxy_credentials: env:PROXY\n  no_proxy: [ corp.example, 10.0.0.0/8 ]\n";
    let config = read(&[("chancery.yaml", &with(proxy))]).expect("a good file");
    let printed = format!("{:?}", config.server.proxy.expect("a proxy"));
    assert!(printed.contains("corp.example") && !printed.contains("hunter2"), "{printed}");

    for (lines, words) in [
        ("  proxy: http://us:hunter2@proxy:3128\n", "proxy_credentials: env:NAME"),
        ("  proxy: socks5://proxy\n", "http://proxy.corp.example:3128"),
        ("  proxy: http://proxy\n  no_proxy: [ \"a b\" ]\n", "neither a host nor a network"),
    ] {
        let complaints = complaints(&with(lines));
        assert!(complaints.iter().any(|complaint| complaint.contains(words) && !complaint.contains("hunter2")), "{complaints:?}");
    }
}

#[test]
fn a_node_may_have_further_names() {
    let with = |hosts: &str| GOOD.replacen("server:\n", &format!("server:\n  hosts: [ {hosts} ]\n"), 1);
    let config = read(&[("chancery.yaml", &with("Gateway.Internal, chancery"))]).expect("a good file");
    assert_eq!(config.server.hosts, ["gateway.internal", "chancery"]);
    for bad in ["https://gateway.internal", "gateway.internal:8080", "\"*.internal\"", "gateway.internal/x", "\"\"", "10.0.0.7"] {
        let complaints = complaints(&with(bad));
        assert!(complaints.len() == 1 && complaints[0].contains("server.hosts[0]"), "{bad}: {complaints:?}");
    }
}
