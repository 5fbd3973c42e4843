// The auth parts of MCP's own clients, SDK v1 and v2, against the authorization server.
import * as v2 from '@modelcontextprotocol/client'
import * as v1 from '@modelcontextprotocol/sdk/client/auth.js'
import { expect, test } from 'vitest'
import { CALLBACK, startAuthorization } from '../../../fakes/authorizationStage.ts'

test.each([
  ['v1', v1],
  ['v2', v2 as unknown as typeof v1],
])('SDK %s finds the metadata, registers, signs in and refreshes, with each authentication', async (_name, sdk) => {
  const stage = await startAuthorization()
  const metadata = await sdk.discoverAuthorizationServerMetadata(stage.publicUrl)
  if (!metadata) throw new Error('No metadata were found.')
  const resource = new URL(stage.resource)
  for (const token_endpoint_auth_method of ['none', 'client_secret_basic', 'client_secret_post']) {
    const clientInformation = await sdk.registerClient(stage.publicUrl, {
      metadata,
      clientMetadata: {
        client_name: 'SDK',
        redirect_uris: [CALLBACK],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        token_endpoint_auth_method,
      },
    })
    const { authorizationUrl, codeVerifier } = await sdk.startAuthorization(stage.publicUrl, {
      metadata,
      clientInformation,
      redirectUrl: CALLBACK,
      scope: 'mcp offline_access',
      state: 's',
      resource,
    })
    const { url } = await stage.browse(authorizationUrl)
    const shared = { metadata, clientInformation, resource }
    const tokens = await sdk.exchangeAuthorization(stage.publicUrl, {
      ...shared,
      authorizationCode: url.searchParams.get('code') ?? '',
      iss: url.searchParams.get('iss') ?? '',
      codeVerifier,
      redirectUri: CALLBACK,
    } as Parameters<typeof v1.exchangeAuthorization>[1])
    expect(tokens).toMatchObject({ token_type: 'Bearer', scope: 'mcp', refresh_token: expect.any(String) })
    const next = await sdk.refreshAuthorization(stage.publicUrl, {
      ...shared,
      refreshToken: tokens.refresh_token ?? '',
    })
    expect(next.access_token).not.toBe(tokens.access_token)
  }
})

test.each([
  ['v1', v1],
  ['v2', v2 as unknown as typeof v1],
])('SDK %s takes the OpenID document where it finds no other', async (_name, sdk) => {
  const stage = await startAuthorization()
  const found = await sdk.discoverAuthorizationServerMetadata(stage.publicUrl, {
    fetchFn: async (url, init) =>
      String(url).includes('oauth-authorization-server') ? new Response(null, { status: 404 }) : fetch(url, init),
  })
  expect(found).toMatchObject({ issuer: stage.publicUrl, token_endpoint: `${stage.publicUrl}/token` })
})
