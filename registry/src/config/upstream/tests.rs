use chancery_core::Secret;

use super::super::{Config, SecretRef, Whose};
use crate::definition::Definition;
use crate::{Upstream, UpstreamAuth};

fn read(upstream: &str) -> Result<Upstream, String> {
    let file = format!(
        "tenant: acme\nbase_url: https://gw.example\nidentity_providers: [ {{ name: corp, issuer: https://corp.example, client_id: c, \
         client_secret: env:S }} ]\nresources: [ {{ name: bank, upstream: {{ {upstream} }} }} ]\n"
    );
    let secrets = |reference: &SecretRef, _: Whose| match reference {
        SecretRef::Env(name) => Ok(Secret::new(format!("the secret {name}"))),
        SecretRef::File(path) => std::fs::read_to_string(path).map(Secret::new).map_err(|error| error.to_string()),
    };
    let config = Config::read(&[("chancery.yaml".to_owned(), file)], &secrets);
    let config = config.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let declared = config.declared.into_iter().find_map(|declared| match declared.definition {
        Definition::Resource(resource) => resource.upstream,
        _ => None,
    });
    Ok(declared.expect("the resource has an upstream"))
}

#[test]
fn mc_02_an_upstream_is_shown_a_token_nothing_or_a_secret_header() {
    assert_eq!(read("url: https://u.example").expect("an upstream").credential, UpstreamAuth::Token);
    assert_eq!(read("url: https://u.example, credential: none").expect("an upstream").credential, UpstreamAuth::Nothing);
    let keyed = read("url: https://u.example, header: { name: X-Api-Key, value: env:KEY }").expect("an upstream");
    assert_eq!(keyed.credential, UpstreamAuth::Header("x-api-key".to_owned()));
    assert_eq!(keyed.secrets.header().map(|secret| secret.expose().as_str()), Some("the secret KEY"));

    for (bad, says) in [
        ("url: https://u.example, token_signing_alg: HS256", "write one of ES256, EdDSA, RS256, PS256"),
        ("url: https://u.example, token_signing_alg: none", "nothing that tokens are signed with"),
        ("url: https://u.example, credential: none, token_signing_alg: RS256", "is shown no token of ours"),
        ("url: https://u.example, credential: hunter2", "is nothing that an upstream is shown"),
        ("url: https://u.example, credential: none, header: { name: X-Api-Key, value: env:KEY }", "not both"),
        ("url: https://u.example, header: { name: X-Api-Key, value: hunter2 }", "a secret may not stand in this file"),
        ("url: https://u.example, header: { name: Content-Length, value: env:KEY }", "the gateway itself says"),
        ("url: https://u.example, header: { name: Mcp-Method, value: env:KEY }", "the gateway itself says"),
        ("url: https://u.example, authority: env:KEY", "it must be PEM"),
    ] {
        assert!(read(bad).is_err_and(|problem| problem.contains(says) && !problem.contains("hunter")), "{bad}: {:?}", read(bad).err());
    }
}

#[test]
fn a_child_process_is_a_path_with_its_own_environment_and_no_network() {
    let child = read("stdio: { command: /usr/bin/npx, args: [ -y, server ], env: { TOKEN: env:KEY }, settings: { PATH: /usr/bin } }");
    let child = child.expect("an upstream");
    let stdio = child.stdio.as_ref().expect("a child");
    assert_eq!((&*child.url, &*stdio.command, stdio.args.len(), stdio.most), ("stdio:bank", "/usr/bin/npx", 2, CHILDREN));
    assert_eq!(child.credential, UpstreamAuth::Nothing);
    assert_eq!(child.secrets.env()["TOKEN"].expose(), "the secret KEY");

    for (bad, says) in [
        ("stdio: { command: npx }", "is not an absolute path"),
        ("stdio: { command: /usr/bin/npx, env: { TOKEN: hunter2 } }", "a secret may not stand in this file"),
        ("stdio: { command: /usr/bin/npx, env: { \"A=B\": env:KEY } }", "is not a variable's name"),
        ("stdio: { command: /usr/bin/npx }, url: https://u.example", "not both"),
        ("stdio: { command: /usr/bin/npx }, credential: token", "reached by no network"),
        ("audience: https://u.example", "an address or is a command"),
    ] {
        assert!(read(bad).is_err_and(|problem| problem.contains(says)), "{bad}: {:?}", read(bad).err());
    }
}

#[test]
fn limits_are_bounded() {
    let limits = read("url: https://u.example, limits: { idle: 90s, per_subject: 3 }").expect("an upstream").limits;
    assert_eq!((limits.idle.as_secs(), limits.per_subject, limits.connect.as_secs()), (90, 3, 5));
    assert!(read("url: https://u.example, limits: { connect: 2h }").is_err());
    assert!(read("url: https://u.example, limits: { per_client: 0 }").is_err());
}

use super::CHILDREN;
