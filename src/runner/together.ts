/** Like `Promise.all`, but when it rejects nothing is under way any more: what was begun may be cleared away. */
export async function together<T extends readonly unknown[]>(promises: [...T]) {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}
