// The host of a URL as sockets and resolvers want it: an IPv6 address without its brackets (RFC 3986 section 3.2.2).

export const bareHost = ({ hostname }: { readonly hostname: string }): string => hostname.replace(/^\[|\]$/g, '')
