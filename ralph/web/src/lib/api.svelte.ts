// The public API, typed from its own OpenAPI document (generated/schema.d.ts, types only).

import type { components, paths } from "../../generated/schema";
import { place } from "./router.svelte";

export type Schemas = components["schemas"];

type Json<R> = R extends { content: { "application/json": infer Body } } ? Body : undefined;
type Good<R> = { [S in keyof R]: S extends 200 | 201 | 202 ? Json<R[S]> : never }[keyof R];
type Answer<O> = O extends { responses: infer R } ? Good<R> : never;
type With<M extends string> = { [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never }[keyof paths];
type Op<P extends keyof paths, M extends string> = paths[P] extends Record<M, infer O> ? O : never;
type Sent<O> = O extends { requestBody: { content: { "application/json": infer B } } } ? B : undefined;

export type Scalar = string | number | boolean | null | undefined;

export interface Options {
  path?: Record<string, string>;
  query?: Record<string, Scalar | string[]>;
  signal?: AbortSignal;
}

/** An answer that is no success: what went wrong, as RFC 9457 says it; status 0 when nobody answered. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly detail: Partial<Schemas["api_problems_Problem"]> = {},
    readonly retryAfterS: number | null = null,
  ) {
    super(message);
  }

  /** Whether the question itself is refused, so that an earlier answer says nothing about it. */
  get isFinal(): boolean {
    return this.status >= 400 && this.status < 500 && this.status !== 401 && this.status !== 429;
  }
}

/** What every page needs to know of the server: whether it answers, and whose market it shows. */
export const server = $state({ reachable: true, generation: 0, workspace: "", simulated: false, version: "" });

export function address(template: string, options: Options = {}): string {
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(options.path?.[name] ?? ""));
  const query = new URLSearchParams();
  const all = { workspace: place.query.workspace, ...options.query };
  for (const [name, value] of Object.entries(all)) {
    if (Array.isArray(value)) for (const each of value) query.append(name, each);
    else if (value !== null && value !== undefined && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** One request; a Refusal where the answer is none, and AbortError where the asker has left. */
export async function ask(method: string, target: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(target, { ...init, method, headers: { Accept: "application/json", ...init.headers } });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    server.reachable = false;
    throw new Refusal(0, "NOT_REACHABLE", "Ralph does not answer");
  }
  if (response.ok) return response;
  const problem = (await response.json().catch(() => ({}))) as Partial<Schemas["api_problems_Problem"]>;
  const wait = Number(response.headers.get("Retry-After"));
  const message = problem.detail ?? problem.title ?? `HTTP ${response.status}`;
  throw new Refusal(response.status, problem.code ?? `HTTP_${response.status}`, message, problem, wait > 0 ? wait : null);
}

function noted<T>(body: T): T {
  const said = body as { workspace?: unknown; simulated?: unknown } | null;
  if (said && typeof said.workspace === "string" && typeof said.simulated === "boolean") {
    server.workspace = said.workspace;
    server.simulated = said.simulated;
  }
  return body;
}

export async function read<P extends With<"get">>(path: P, options: Options = {}): Promise<Answer<Op<P, "get">>> {
  const response = await ask("GET", address(path as string, options), { signal: options.signal ?? null });
  return noted((await response.json()) as Answer<Op<P, "get">>);
}

async function send(method: string, path: string, body: unknown, options: Options): Promise<unknown> {
  const response = await ask(method, address(path, options), {
    signal: options.signal ?? null,
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body ?? {}),
  });
  return response.status === 204 ? null : noted(await response.json());
}

export async function post<P extends With<"post">>(path: P, body: Sent<Op<P, "post">>, options: Options = {}): Promise<Answer<Op<P, "post">>> {
  return (await send("POST", path as string, body, options)) as Answer<Op<P, "post">>;
}

export async function patch<P extends With<"patch">>(path: P, body: Sent<Op<P, "patch">>, options: Options = {}): Promise<Answer<Op<P, "patch">>> {
  return (await send("PATCH", path as string, body, options)) as Answer<Op<P, "patch">>;
}

export async function remove<P extends With<"delete">>(path: P, options: Options = {}): Promise<void> {
  await ask("DELETE", address(path as string, options), { signal: options.signal ?? null });
}

/** What a view asks for: the newest question wins, and the last answer stays in sight until there is a new one, or
 * until it is known that there is none. */
export class Asked<T> {
  data = $state.raw<T | null>(null);
  refusal = $state.raw<Refusal | null>(null);
  busy = $state(false);
  answeredAt = $state(0);
  #running: AbortController | null = null;

  /** Whether this question was the newest until its end, so that what is held now is of it. */
  async run(question: (signal: AbortSignal) => Promise<T>): Promise<boolean> {
    this.#running?.abort();
    const running = new AbortController();
    this.#running = running;
    this.busy = true;
    try {
      const answer = await question(running.signal);
      if (this.#running !== running) return false;
      this.data = answer;
      this.refusal = null;
      this.answeredAt = Date.now();
    } catch (error) {
      if (this.#running !== running) return false;
      if (!(error instanceof Refusal)) throw error;
      this.refusal = error;
      if (error.isFinal) this.data = null;
    } finally {
      if (this.#running === running) this.busy = false;
    }
    return true;
  }

  stop(): void {
    this.#running?.abort();
    this.#running = null;
    this.busy = false;
  }

  clear(): void {
    this.stop();
    this.data = null;
    this.refusal = null;
  }
}
