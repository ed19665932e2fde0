import { useQuery } from "@tanstack/react-query";

import { useClients } from "../../api/clients";
import { Select, TextArea } from "../../ui/Field";

interface Props {
  label: string;
  value: string;
  onChange: (text: string) => void;
}

/** Where a comment is written; people can be chosen instead of typed. */
export function CommentArea({ label, value, onChange }: Props) {
  const { directory } = useClients();
  const people = useQuery({
    queryKey: ["people"],
    queryFn: async ({ signal }) => (await directory.listUsers({ pageSize: 1000 }, { signal })).users.map(({ id }) => id),
    staleTime: 60_000,
  });
  const mention = (id: string) => {
    if (id !== "") onChange(`${value}${value === "" || /\s$/.test(value) ? "" : " "}@${id} `);
  };
  return (
    <>
      <TextArea
        label={label}
        required
        maxLength={8192}
        value={value}
        onChange={(event) => onChange(event.target.value)}
        hint="Markdown, without HTML and pictures. @ID mentions somebody."
      />
      {people.data !== undefined && people.data.length > 0 && (
        <Select
          label="Mention"
          options={[["", "nobody"], ...people.data.map((id) => [id, id] as const)]}
          value=""
          onChange={(event) => mention(event.target.value)}
        />
      )}
    </>
  );
}
