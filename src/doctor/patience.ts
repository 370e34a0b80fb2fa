/** What was waited for did not come. */
export class LateAnswer extends Error {
  override readonly name = "LateAnswer";
}

/**
 * Waits for a promise, but not for ever.
 * @throws LateAnswer when it takes longer than that many milliseconds
 */
export async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  const expired = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => expired.reject(new LateAnswer(`no answer within ${milliseconds / 1000} s`)),
    milliseconds,
  );
  try {
    return await Promise.race([promise, expired.promise]);
  } finally {
    clearTimeout(timer);
  }
}
