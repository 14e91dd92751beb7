//! Where an issuer's metadata lies (RFC 8414 §3.1).

/// The well-known path stands between host and the issuer's own path. `None` if the issuer is no URL.
pub fn metadata_address(issuer: &str) -> Option<String> {
    let path = url::Url::parse(issuer).ok()?.path().trim_end_matches('/').to_owned();
    let origin = issuer.trim_end_matches('/').strip_suffix(&path)?;
    Some(format!("{origin}/.well-known/oauth-authorization-server{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_well_known_path_goes_between() {
        let address = |issuer| metadata_address(issuer);
        assert_eq!(address("http://h:1/t/demo").as_deref(), Some("http://h:1/.well-known/oauth-authorization-server/t/demo"));
        assert_eq!(address("https://h").as_deref(), Some("https://h/.well-known/oauth-authorization-server"));
        assert_eq!(address("no url"), None);
    }
}
