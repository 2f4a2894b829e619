// An identity provider for tests: the certified `oidc-provider`, with people that need no password.
// Runs as `node --input-type=module - < provider.mjs` in the folder where that package is
// installed; says `listening PORT`, and ends with its standard output.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { generateKeyPair, exportJWK, SignJWT } from 'jose';
import { Provider } from 'oidc-provider';

const algorithms = ['RS256', 'ES256', 'EdDSA'];
let person = 'alice';
let current;

async function keys(generation) {
  const make = async (alg) => {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    return { ...await exportJWK(privateKey), alg, use: 'sig', kid: `${alg}-${generation}` };
  };
  return Promise.all(algorithms.map(make));
}

async function provider(issuer, generation) {
  const jwks = { keys: await keys(generation) };
  const oidc = new Provider(issuer, {
    jwks,
    clients: [
      { client_id: 'chat', client_secret: 'a secret of + chat: 100%', redirect_uris: ['http://127.0.0.1/auth/callback'], id_token_signed_response_alg: 'ES256' },
      { client_id: 'public', token_endpoint_auth_method: 'none', redirect_uris: ['http://127.0.0.1/auth/callback'] },
      { client_id: 'robot', client_secret: 'beep', grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
    ],
    claims: { openid: ['sub'], profile: ['preferred_username', 'roles'] },
    cookies: { keys: ['for tests'] },
    enabledJWA: { idTokenSigningAlgValues: algorithms },
    extraTokenClaims: () => ({ preferred_username: 'robot', roles: ['moderator'] }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => undefined,
        // urn:AUDIENCE:ALGORITHM
        getResourceServerInfo: (_, resource) => {
          const [, audience, alg] = resource.split(':');
          return { scope: '', audience, accessTokenTTL: 300, accessTokenFormat: 'jwt', jwt: { sign: { alg } } };
        },
      },
    },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: id.replace('id-of-', ''), roles: ['member'] }),
    }),
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    async loadExistingGrant(ctx) {
      const { client, session } = ctx.oidc;
      const grant = new oidc.Grant({ clientId: client.clientId, accountId: session.accountId });
      grant.addOIDCScope('openid profile');
      await grant.save();
      return grant;
    },
  });
  // The server under test has a port that the system chose.
  oidc.Client.prototype.redirectUriAllowed = () => true;
  return { oidc, jwks, callback: oidc.callback() };
}

async function interact(request, response) {
  const said = person === ''
    ? { error: 'access_denied' }
    : { login: { accountId: `id-of-${person}`, remember: false } };
  await current.oidc.interactionFinished(request, response, said, { mergeWithLastSubmission: false });
}

// What the tests ask of it beside what is standard.
async function control(path, body, issuer) {
  const asked = JSON.parse(body || '{}');
  if (path === '/control/person') person = asked.name;
  if (path === '/control/rotate') current = await provider(issuer, asked.generation);
  if (path === '/control/sign') {
    const { alg, ...rest } = asked.header;
    const jwk = current.jwks.keys.find((key) => key.alg === alg);
    const { importJWK } = await import('jose');
    const key = await importJWK(jwk, alg);
    return new SignJWT(asked.claims).setProtectedHeader({ alg, kid: jwk.kid, ...rest }).sign(key);
  }
  return 'done';
}

async function answer(request, response) {
  const path = new URL(request.url, 'http://any').pathname;
  if (path.startsWith('/control/')) {
    const body = (await request.toArray()).join('');
    response.end(await control(path, body, issuer));
  } else if (path.startsWith('/interaction/')) {
    await interact(request, response);
  } else {
    current.callback(request, response);
  }
}

const server = createServer((request, response) => {
  answer(request, response).catch((error) => {
    response.statusCode = 500;
    response.end(String(error));
  });
});
server.listen(Number(process.env.PORT ?? 0), '127.0.0.1');
await once(server, 'listening');
const { port } = server.address();
const issuer = `http://127.0.0.1:${port}`;
current = await provider(issuer, 'first');
console.log(`listening ${port}`);
