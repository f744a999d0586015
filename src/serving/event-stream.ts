/** Server-sent events: one `data:` line for each record, `[DONE]` at the end. */
import { type ApiErrorBody, apiErrorOf } from "./api-error.ts";

const encoder = new TextEncoder();
const line = (value: string): Uint8Array => encoder.encode(`data: ${value}\n\n`);

/**
 * A response that sends records as they are made. The first one is awaited, so that a request that is refused gets its status;
 * an error after it is sent as a record, because the status has gone already.
 * @param onGone called when the client leaves before the end
 */
export async function eventStream(
  records: AsyncGenerator<object, void, undefined>,
  onGone: (reason: unknown) => void,
): Promise<Response> {
  let next = await records.next();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        if (next.done === true) {
          controller.enqueue(line("[DONE]"));
          controller.close();
          return;
        }
        controller.enqueue(line(JSON.stringify(next.value)));
        next = await records.next();
      } catch (error) {
        const { body: failure }: { body: ApiErrorBody } = apiErrorOf(error);
        controller.enqueue(line(JSON.stringify(failure)));
        controller.close();
      }
    },
    async cancel(reason) {
      onGone(reason);
      await records.return();
    },
  });
  return new Response(body, {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      // nginx would otherwise collect the answer before it passes it on.
      "x-accel-buffering": "no",
    },
  });
}
