//! The authorization server as clients and browsers meet it: over HTTP, on both databases. Each test is named by the row it proves.

mod access_token;
mod allowed;
mod apps;
mod authorization_request;
mod client_authentication;
mod client_documents;
mod code;
mod consent;
mod consent_page;
mod headers;
mod id_token;
mod metadata;
mod offered;
mod races;
mod redirect_uri;
mod refresh;
mod register;
mod remembered;
mod resource;
mod revocation;
mod session;
mod sign_in;
mod tenants;
mod token_request;
