-- What identity providers said that they ended, while a sign-in of it may be under way (src/repo/logged_out.rs).

CREATE TABLE logged_out (
    tenant   {text} NOT NULL,
    provider {text} NOT NULL,
    whose    {text} NOT NULL,
    said_at  {int}  NOT NULL,
    heard_at {int}  NOT NULL,
    PRIMARY KEY (tenant, provider, whose)
){clustered};
CREATE INDEX logged_out_by_age ON logged_out (tenant, heard_at);
