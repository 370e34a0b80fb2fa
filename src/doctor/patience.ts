/**
 * Waits for a promise, but not for ever.
 * @throws Error when it takes longer than that many milliseconds
 */
export async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  const expired = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => expired.reject(new Error(`no answer within ${milliseconds / 1000} s`)),
    milliseconds,
  );
  try {
    return await Promise.race([promise, expired.promise]);
  } finally {
    clearTimeout(timer);
  }
}
