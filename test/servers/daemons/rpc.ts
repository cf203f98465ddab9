/** JSON-RPC calls of the tests to a node, apart from the library's own client. */
export class NodeRpc {
  readonly url: string;
  readonly user: string;
  readonly password: string;

  constructor(port: number, user: string, password: string) {
    this.url = `http://127.0.0.1:${port}`;
    this.user = user;
    this.password = password;
  }

  /** @throws RpcError */
  async call<T>(method: string, ...params: readonly unknown[]): Promise<T> {
    const response = await fetch(this.url, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`${this.user}:${this.password}`)}`, "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "1.0", id: "test", method, params }),
    });
    const text = await response.text();
    const answer = JSON.parse(text) as { result: T; error: { code: number; message: string } | null };
    if (answer.error !== null) throw new RpcError(method, answer.error.code, answer.error.message);
    return answer.result;
  }
}

/** What a node refused. */
export class RpcError extends Error {
  readonly code: number;

  constructor(method: string, code: number, message: string) {
    super(`${method}: ${message} (${code})`);
    this.code = code;
  }
}
