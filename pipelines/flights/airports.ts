/** Airports: the reference data that flights are checked against and joined with. */
import { parseCsv } from './csv.ts';

/** `code` is the IATA code. City and state are absent where the source says "NA". */
export interface Airport {
  readonly code: string;
  readonly city: string | undefined;
  readonly state: string | undefined;
  /** Degrees. */
  readonly latitude: number;
  readonly longitude: number;
}

export type AirportsByCode = ReadonlyMap<string, Airport>;

/** Reads `airports.csv`. */
export function parseAirports(csv: string): AirportsByCode {
  const known = (value: string | undefined) =>
    value === undefined || value === '' || value === 'NA' ? undefined : value;
  return new Map(
    parseCsv(csv).map((row) => {
      const code = row['iata'] ?? '';
      const place = { city: known(row['city']), state: known(row['state']) };
      return [code, { code, ...place, latitude: Number(row['latitude']), longitude: Number(row['longitude']) }];
    }),
  );
}

/** Great-circle distance in statute miles, on a sphere of the earth's mean radius. */
export function milesBetween(from: Airport, to: Airport): number {
  const earthRadiusMiles = 3958.8;
  const radians = (degrees: number) => (degrees * Math.PI) / 180;
  const halfChord = (degrees: number) => Math.sin(radians(degrees) / 2) ** 2;
  const across = Math.cos(radians(from.latitude)) * Math.cos(radians(to.latitude));
  const chord = halfChord(to.latitude - from.latitude) + across * halfChord(to.longitude - from.longitude);
  return 2 * earthRadiusMiles * Math.asin(Math.sqrt(chord));
}
