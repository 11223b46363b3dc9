export default function handle(input: string): string {
  return `${input}: ${typeof input}`
}
