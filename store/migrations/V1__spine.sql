-- Tenant leads every key. Types and endings in braces differ by database (src/migrations.rs); times are milliseconds, JSON is text.

CREATE TABLE tenants (
    id         {text} NOT NULL PRIMARY KEY,
    name       {text} NOT NULL UNIQUE,
    base_url   {text} NOT NULL,
    version    {int}  NOT NULL,
    created_at {int}  NOT NULL
){clustered};

CREATE TABLE objects (
    tenant  {text} NOT NULL,
    kind    {text} NOT NULL,
    name    {text} NOT NULL,
    id      {text} NOT NULL,
    owner   {text} NOT NULL,
    body    {text} NOT NULL,
    secret  {blob},
    url     {text} UNIQUE,
    version {int}  NOT NULL,
    PRIMARY KEY (tenant, kind, name),
    UNIQUE (tenant, id)
){clustered};

CREATE TABLE clients (
    tenant     {text} NOT NULL,
    id         {text} NOT NULL,
    body       {text} NOT NULL,
    standing   {text} NOT NULL,
    created_at {int}  NOT NULL,
    used_at    {int},
    keep_until {int}  NOT NULL,
    PRIMARY KEY (tenant, id)
){clustered};
CREATE INDEX clients_never_used ON clients (tenant, created_at) WHERE used_at IS NULL;
CREATE INDEX clients_waiting ON clients (tenant, created_at) WHERE standing <> 'active';
CREATE INDEX clients_by_end ON clients (tenant, keep_until);

CREATE TABLE registration_tokens (
    tenant     {text} NOT NULL,
    hash       {blob} NOT NULL,
    label      {text} NOT NULL,
    uses_left  {int}  NOT NULL,
    created_at {int}  NOT NULL,
    expires_at {int}  NOT NULL,
    PRIMARY KEY (tenant, hash)
){clustered};
CREATE INDEX registration_tokens_by_end ON registration_tokens (tenant, expires_at);

CREATE TABLE subjects (
    tenant   {text} NOT NULL,
    id       {text} NOT NULL,
    provider {text} NOT NULL,
    key      {text} NOT NULL,
    status   {text} NOT NULL,
    claims   {text} NOT NULL,
    seen_at  {int}  NOT NULL,
    PRIMARY KEY (tenant, id),
    UNIQUE (tenant, provider, key)
){clustered};

CREATE TABLE sessions (
    tenant     {text} NOT NULL,
    hash       {blob} NOT NULL,
    id         {text} NOT NULL,
    subject    {text} NOT NULL,
    provider   {text} NOT NULL,
    auth_time  {int},
    acr        {text},
    amr        {text} NOT NULL,
    their_id   {text},
    id_token   {blob},
    created_at {int}  NOT NULL,
    used_at    {int}  NOT NULL,
    expires_at {int}  NOT NULL,
    ended_at   {int},
    PRIMARY KEY (tenant, hash)
){clustered};
CREATE INDEX sessions_by_end ON sessions (tenant, expires_at);
CREATE INDEX sessions_by_id ON sessions (tenant, id);
CREATE INDEX sessions_by_subject ON sessions (tenant, subject);
CREATE INDEX sessions_by_theirs ON sessions (tenant, their_id) WHERE their_id IS NOT NULL;

CREATE TABLE logouts (
    tenant   {text} NOT NULL,
    session  {text} NOT NULL,
    client   {text} NOT NULL,
    subject  {text} NOT NULL,
    attempts {int}  NOT NULL,
    due_at   {int}  NOT NULL,
    PRIMARY KEY (tenant, session, client)
){clustered};
CREATE INDEX logouts_by_due ON logouts (tenant, due_at);

CREATE TABLE vouchers (
    tenant       {text} NOT NULL,
    subject      {text} NOT NULL,
    registration {text} NOT NULL,
    provider     {text} NOT NULL,
    sealed       {blob} NOT NULL,
    version      {int}  NOT NULL,
    checked_at   {int}  NOT NULL,
    tried_at     {int}  NOT NULL,
    trouble      {text},
    taken        {blob},
    taken_till   {int},
    PRIMARY KEY (tenant, subject, registration)
){clustered};

CREATE INDEX vouchers_by_check ON vouchers (tenant, checked_at);
CREATE INDEX vouchers_by_registration ON vouchers (tenant, registration) WHERE registration <> '';

CREATE TABLE enrolments (
    tenant     {text} NOT NULL,
    client     {text} NOT NULL,
    provider   {text} NOT NULL,
    issuer     {text} NOT NULL,
    client_id  {text} NOT NULL,
    sealed     {blob} NOT NULL,
    created_at {int}  NOT NULL,
    tried_at   {int}  NOT NULL,
    PRIMARY KEY (tenant, client, provider, issuer)
){clustered};

CREATE TABLE sign_ins (
    tenant     {text} NOT NULL,
    state      {blob} NOT NULL,
    provider   {text} NOT NULL,
    browser    {blob} NOT NULL,
    sealed     {blob} NOT NULL,
    request    {text} NOT NULL,
    created_at {int}  NOT NULL,
    expires_at {int}  NOT NULL,
    claimed_at {int},
    result     {text},
    resume     {blob},
    resumed_at {int},
    PRIMARY KEY (tenant, state),
    UNIQUE (tenant, resume)
){clustered};
CREATE INDEX sign_ins_by_end ON sign_ins (tenant, expires_at);

CREATE TABLE grants (
    tenant         {text} NOT NULL,
    id             {text} NOT NULL,
    parent         {text},
    subject        {text} NOT NULL,
    client         {text} NOT NULL,
    agent          {text},
    resources      {text} NOT NULL,
    authentication {text},
    session        {text},
    their_session  {text},
    created_at     {int}  NOT NULL,
    expires_at     {int}  NOT NULL,
    ended_at       {int},
    end_reason     {text},
    PRIMARY KEY (tenant, id)
){clustered};
CREATE INDEX grants_by_end ON grants (tenant, expires_at);
CREATE INDEX grants_by_subject ON grants (tenant, subject);
CREATE INDEX grants_by_client ON grants (tenant, client);
CREATE INDEX grants_by_agent ON grants (tenant, agent);
CREATE INDEX grants_by_session ON grants (tenant, session) WHERE session IS NOT NULL;
CREATE INDEX grants_by_their_session ON grants (tenant, their_session) WHERE their_session IS NOT NULL;

CREATE TABLE approvals (
    tenant        {text} NOT NULL,
    subject       {text} NOT NULL,
    client        {text} NOT NULL,
    resource      {text} NOT NULL,
    agent         {text},
    scope         {text} NOT NULL,
    redirect_host {text} NOT NULL,
    client_name   {text} NOT NULL,
    at            {int}  NOT NULL,
    expires_at    {int}  NOT NULL,
    PRIMARY KEY (tenant, subject, client, resource)
){clustered};
CREATE INDEX approvals_by_end ON approvals (tenant, expires_at);
CREATE INDEX approvals_by_client ON approvals (tenant, client);
CREATE INDEX approvals_by_agent ON approvals (tenant, agent);

CREATE TABLE codes (
    tenant       {text} NOT NULL,
    hash         {blob} NOT NULL,
    grant_id     {text} NOT NULL,
    client       {text} NOT NULL,
    redirect_uri {text} NOT NULL,
    challenge    {text} NOT NULL,
    nonce        {text},
    jkt          {text},
    created_at   {int}  NOT NULL,
    expires_at   {int}  NOT NULL,
    redeemed_at  {int},
    family       {text},
    PRIMARY KEY (tenant, hash)
){clustered};
CREATE INDEX codes_by_end ON codes (tenant, expires_at);

CREATE TABLE families (
    tenant     {text} NOT NULL,
    id         {text} NOT NULL,
    grant_id   {text} NOT NULL,
    client     {text} NOT NULL,
    generation {int}  NOT NULL,
    scopes     {text} NOT NULL,
    created_at {int}  NOT NULL,
    rotated_at {int}  NOT NULL,
    used_at    {int}  NOT NULL,
    expires_at {int}  NOT NULL,
    step_up_at {int},
    jkt        {text},
    PRIMARY KEY (tenant, id)
){clustered};
CREATE INDEX families_by_end ON families (tenant, expires_at);
CREATE INDEX families_by_grant ON families (tenant, grant_id);

CREATE TABLE keys (
    tenant     {text} NOT NULL,
    id         {text} NOT NULL,
    purpose    {text} NOT NULL,
    algorithm  {text} NOT NULL,
    sealed     {blob} NOT NULL,
    public     {text},
    created_at {int}  NOT NULL,
    active_at  {int}  NOT NULL,
    retired_at {int},
    PRIMARY KEY (tenant, id)
){clustered};

CREATE TABLE ended (
    tenant {text} NOT NULL,
    kind   {text} NOT NULL,
    key    {text} NOT NULL,
    at     {int}  NOT NULL,
    until  {int}  NOT NULL,
    PRIMARY KEY (tenant, kind, key)
){clustered};
CREATE INDEX ended_by_end ON ended (tenant, until);

CREATE TABLE consumed (
    tenant {text} NOT NULL,
    kind   {text} NOT NULL,
    key    {text} NOT NULL,
    until  {int}  NOT NULL,
    PRIMARY KEY (tenant, kind, key)
){clustered};
CREATE INDEX consumed_by_end ON consumed (tenant, until);

CREATE TABLE events (
    tenant {text} NOT NULL,
    id     {text} NOT NULL,
    kind   {text} NOT NULL,
    at     {int}  NOT NULL,
    leaf   {blob} NOT NULL,
    vals   {blob},
    PRIMARY KEY (tenant, id)
){clustered};

CREATE TABLE feed (
    seq    {sequence},
    tenant {text} NOT NULL,
    topic  {text} NOT NULL,
    key    {text} NOT NULL,
    at     {int}  NOT NULL DEFAULT {now}
){plain};
CREATE INDEX feed_by_age ON feed (tenant, at);
