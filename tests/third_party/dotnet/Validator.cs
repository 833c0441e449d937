// .NET's XmlSchemaValidator, which KSeF runs: the sentences that it says of documents.
// Arguments: a schema, and a folder with what it imports by absolute addresses.
// Reads paths of documents, a line each; writes `== path`, and a line for each error, line ends escaped.
using System;
using System.IO;
using System.Text;
using System.Xml;
using System.Xml.Schema;

class Local : XmlUrlResolver
{
    readonly string folder;

    public Local(string folder) { this.folder = folder; }

    public override object GetEntity(Uri uri, string role, Type type)
    {
        if (uri.Scheme == "file") return base.GetEntity(uri, role, type);
        return File.OpenRead(Path.Combine(folder, Path.GetFileName(uri.LocalPath)));
    }
}

class Validator
{
    static string Escaped(string text)
    {
        return text.Replace("\\", "\\\\").Replace("\n", "\\n").Replace("\r", "\\r");
    }

    static void Main(string[] arguments)
    {
        var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false));
        var input = new StreamReader(Console.OpenStandardInput(), new UTF8Encoding(false));
        System.Threading.Thread.CurrentThread.CurrentCulture = System.Globalization.CultureInfo.InvariantCulture;
        var schemas = new XmlSchemaSet { XmlResolver = new Local(arguments[1]) };
        var reading = new XmlReaderSettings { XmlResolver = new Local(arguments[1]) };
        using (var reader = XmlReader.Create(arguments[0], reading)) schemas.Add(null, reader);
        schemas.Compile();
        for (string path = input.ReadLine(); path != null; path = input.ReadLine())
        {
            output.WriteLine("== " + path);
            var settings = new XmlReaderSettings { ValidationType = ValidationType.Schema, Schemas = schemas };
            settings.ValidationEventHandler += (sender, problem) => output.WriteLine(Escaped(problem.Message));
            try
            {
                using (var reader = XmlReader.Create(path, settings)) while (reader.Read()) { }
            }
            catch (XmlException problem) { output.WriteLine(Escaped(problem.Message)); }
        }
        output.Flush();
    }
}
